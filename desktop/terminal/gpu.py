"""`undertext gpu`: the GPU pack of a packaged Undertext, brought, checked, taken away; and whether the GPU is used."""

import argparse
from pathlib import Path

from rich.console import Console

from desktop import paths
from desktop.terminal import gpu_checkup
from desktop.terminal.bar import bar
from engine.errors import PackRefused
from engine.installing import is_frozen, mend, mend_torch
from engine.pack import keeping
from engine.pack.installed import find
from engine.pack.manifest import Manifest
from engine.pack.trial import Trial, tried
from engine.whisper.driver import find_driver
from engine.whisper.graphics_card import Obstacle, find_gpu

NAME = "gpu"
HELP = "install, check or remove the GPU pack of a packaged Undertext, and say whether the GPU is used"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("show", help="say what is here, and whether it is used or why not (the default)")
    install = actions.add_parser("install", help="install a GPU pack, in place of an earlier one")
    install.add_argument("file", type=Path, metavar="FILE", help="the archive, as it was published beside Undertext")
    install.add_argument(
        "--sha256", default="", metavar="HEX", help="what the archive is to have (default: SHA256SUMS beside it tells)"
    )
    actions.add_parser("check", help="hash every file of the installed pack again, and test it again")
    actions.add_parser("remove", help="delete the installed pack")


def run(options: argparse.Namespace) -> int:
    """Do what was asked; return 0.

    Raises:
        EngineError: It cannot be done.
    """
    console = Console(highlight=False, markup=False, soft_wrap=True)
    match options.action:
        case "install":
            _install(options.file, options.sha256, console)
        case "check":
            _check(console)
        case "remove":
            removed = keeping.remove(paths.gpu_pack())
            console.print("The GPU pack is deleted." if removed else "There was no GPU pack.")
        case _:
            _show(console)
    return 0


def _install(archive: Path, sha256: str, console: Console) -> None:
    if not is_frozen():
        raise PackRefused(
            "a GPU pack is for a packaged Undertext, and this one runs from source", hint=mend("gpu", "gpu")
        )
    with bar(console) as report:
        manifest, trial = keeping.install(archive, paths.gpu_pack(), tried, report, sha256=sha256)
    console.print(f"The GPU pack is installed: {_told(manifest)}, in {paths.gpu_pack()}")
    console.print(_passed(trial))


def _check(console: Console) -> None:
    if find(paths.gpu_pack()) is None:
        console.print(f"There is no GPU pack. {mend_torch()}")
        return
    with bar(console) as report:
        trial = keeping.check(paths.gpu_pack(), tried, report)
    console.print(_passed(trial))


def _show(console: Console) -> None:
    """Say what is installed, then whether a graphics card is used."""
    if is_frozen():
        console.print(f"GPU pack: {_installed()}")
    driver = find_driver()
    found = find_gpu(driver)
    about = gpu_checkup.about(driver)
    if isinstance(found, Obstacle):
        console.print(" ".join([f"GPU: {about}not used: {found.sentence}.", found.mend]).rstrip())
    else:
        console.print(f"GPU: {about or found.name + ', '}used where a model finds room: 'undertext doctor' tells.")


def _installed() -> str:
    try:
        manifest = find(paths.gpu_pack())
    except PackRefused as error:
        return f"not used: {error.sentence}"
    return f"{_told(manifest)}, in {paths.gpu_pack()}" if manifest else f"there is none. {mend_torch()}"


def _told(manifest: Manifest) -> str:
    cuda = f"for CUDA {manifest.cuda}" if manifest.cuda else "built without CUDA"
    return f"torch {manifest.torch}, {cuda}, {manifest.total / 1e6:.0f} MB"


def _passed(trial: Trial) -> str:
    kernels = f" and Triton {trial.triton}" if trial.triton else ""
    used = f"No GPU is used: {trial.problem}." if trial.problem else "A GPU is used."
    return f"Its self-test passed, with torch {trial.torch}{kernels}. {used}"
