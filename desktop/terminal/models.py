"""`undertext models`: what models there are, which are here, and how to get, delete and check them."""

import argparse

from rich.console import Console

from desktop import paths
from desktop.terminal.bar import bar
from desktop.terminal.rows import print_rows
from engine.errors import ModelCorrupt, ModelError, ModelMissing
from engine.models.catalog import CATALOG, Model
from engine.models.checks import Trust
from engine.models.installed import InstalledModel
from engine.models.places import Place
from engine.models.store import Copy, Store

NAME = "models"
HELP = "list the models; get, delete or check one"

_COLUMNS = ("model", "size", "languages", "licence", "checksums", "on this machine")
_TRUST = {
    Trust.PUBLISHED: "the published files",
    Trust.RECORDED: "the files of the first download",
    Trust.UNKNOWN: "readable; no checksum is known",
}
_PROMISE = {Trust.PUBLISHED: "published", Trust.RECORDED: "recorded", Trust.UNKNOWN: "at first download"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="list every model (the default)")
    for action, text in (
        ("get", "fetch a model, going on where an earlier try ended"),
        ("delete", "delete what was fetched and made of a model"),
    ):
        made = actions.add_parser(action, help=text)
        made.add_argument("model", metavar="NAME")
        if action == "get":
            made.add_argument("--whole", action="store_true", help="keep the float weights too: adapt learns from them")
    check = actions.add_parser("check", help="hash every copy on this machine again")
    check.add_argument("model", metavar="NAME", nargs="*", help="only these")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; return 0, or 1 if a checked copy is damaged.

    Raises:
        EngineError: It cannot be done.
    """
    store, console = Store(paths.models()), Console()
    if args.action == "get":
        return _get(store, args.model, console, whole=args.whole)
    if args.action == "delete":
        store.delete(args.model)
        console.print(f"{args.model} is deleted.", highlight=False)
        return 0
    if args.action == "check":
        return _check(store, args.model or list(CATALOG), console)
    return _list(store)


def _list(store: Store) -> int:
    rows = [_row(model, list(store.copies(model.name)), store.promise(model.name)) for model in CATALOG.values()]
    rows += [(path.name, "", "", "", "none", f"the folder {path}") for path in store.own()]
    print_rows(_COLUMNS, rows, dim=[index for index, row in enumerate(rows) if not row[-1]])
    return 0


def _row(model: Model, copies: list[Copy], promise: Trust) -> tuple[str, ...]:
    size = f"{model.bytes / 1e6:.0f} MB" if model.bytes else "unknown"
    languages = str(len(model.languages)) if len(model.languages) > 1 else model.languages[0]
    return model.name, size, languages, model.licence, _PROMISE[promise], copies[0].label if copies else ""


def _get(store: Store, name: str, console: Console, *, whole: bool) -> int:
    installed = _here(store, name)
    if installed is None or (whole and not any(isinstance(copy.place, Place) for copy in store.copies(name))):
        with bar(console) as report:
            installed = store.download(name, report, whole=whole)
    console.print(f"{name} is ready: {_TRUST[installed.trust]}, in {installed.path}", soft_wrap=True, highlight=False)
    return 0


def _here(store: Store, name: str) -> InstalledModel | None:
    """Return a model that need not be fetched, because a checked copy is on this machine."""
    try:
        found = store.find(name)
    except (ModelMissing, ModelCorrupt):  # fetching says what is wrong with a name, and mends what is damaged
        return None
    return None if found.trust is Trust.UNKNOWN else found


def _check(store: Store, names: list[str], console: Console) -> int:
    damaged = 0
    for copy in (copy for name in names for copy in store.copies(name)):
        try:
            found = _TRUST[store.check(copy)]
        except ModelCorrupt as error:
            found, damaged = error.sentence, damaged + 1
        console.print(f"{copy.model}, {copy.label}: {found}", soft_wrap=True, highlight=False, markup=False)
    for path in store.own():
        try:
            found = _TRUST[store.find(path).trust]
        except ModelError as error:
            found, damaged = error.sentence, damaged + 1
        console.print(f"{path.name}, the folder {path}: {found}", soft_wrap=True, highlight=False, markup=False)
    return 1 if damaged else 0
