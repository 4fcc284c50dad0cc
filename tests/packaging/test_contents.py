"""What goes into the frozen program: the rules, and what they say of this source tree."""

import ast
import shutil
import subprocess
from fnmatch import fnmatchcase

import pytest

import main
from engine.models.catalog import ASSETS, CATALOG, Model
from engine.models.pins import measure
from engine.models.store import BROUGHT
from tests import material
from tests.packaging.parts import PACKAGING, ROOT, part

contents, freeze, hollow, sizes = part("contents"), part("freeze"), part("hollow_so"), part("sizes")
origins = part("origins")


@pytest.mark.parametrize(
    ("place", "stays_out"),
    [
        ("PySide6/Qt/plugins/platforms/libqxcb.so", False),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", False),
        ("PySide6/Qt/plugins/platforms/libqeglfs.so", True),
        ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", True),
        ("PySide6/Qt/plugins/imageformats/libqsvg.so", False),
        ("PySide6/Qt/plugins/imageformats/libqjpeg.so", True),
        ("PySide6/Qt/translations/qtbase_de.qm", False),
        ("PySide6/Qt/translations/qt_de.qm", True),
        ("PySide6/Qt/translations/qtdeclarative_de.qm", True),
        ("PySide6/plugins/platforms/qwindows.dll", False),
        ("PySide6/plugins/platforms/qoffscreen.dll", False),
        ("PySide6/plugins/platforms/qminimal.dll", True),
        ("PySide6/plugins/platforms/qdirect2d.dll", True),
        ("PySide6/plugins/styles/qmodernwindowsstyle.dll", False),
        ("PySide6/plugins/imageformats/qsvg.dll", False),
        ("PySide6/plugins/imageformats/qjpeg.dll", True),
        ("PySide6/translations/qtbase_de.qm", False),
        ("PySide6/translations/qt_de.qm", True),
        ("PySide6/opengl32sw.dll", True),
        ("_sounddevice_data/portaudio-binaries/libportaudio64bit.dll", False),
        ("_sounddevice_data/portaudio-binaries/libportaudio64bit-asio.dll", True),
        ("_sounddevice_data/portaudio-binaries/libportaudio32bit.dll", True),
        ("ctranslate2/cudnn64_9.dll", True),
        ("ctranslate2/libiomp5md.dll", False),
        ("assets/icon.ico", True),
        ("assets/models/tiny.en-live/model.bin", False),
        ("assets/models/tiny.en-live/README.md", True),
        ("assets/screenshots/overlay.png", True),
        ("assets/styles/undertext.qss", False),
    ],
)
def test_a_file_stays_out_for_a_reason(place, stays_out):
    assert bool(contents.why_left_out(place)) == stays_out


@pytest.mark.parametrize(
    ("place", "source", "is_theirs"),
    [
        ("libGL.so.1", "/usr/lib/x86_64-linux-gnu/libGL.so.1", True),
        ("libstdc++.so.6", "/lib/x86_64-linux-gnu/libstdc++.so.6", True),
        ("libssl.so.3", "/lib/x86_64-linux-gnu/libssl.so.3", False),
        ("libxcb-cursor.so.0", "/lib/x86_64-linux-gnu/libxcb-cursor.so.0", False),
        ("libxcb.so.1", "/lib/x86_64-linux-gnu/libxcb.so.1", True),
        ("av.libs/libavutil.so", "/home/me/venv/lib/python3.11/site-packages/av.libs/libavutil.so", False),
        ("ucrtbase.dll", r"C:\Windows\System32\ucrtbase.dll", True),
        ("api-ms-win-crt-math-l1-1-0.dll", r"c:\windows\system32\downlevel\api-ms-win-crt-math-l1-1-0.dll", True),
        ("MSVCP140.dll", r"C:\WINDOWS\system32\MSVCP140.dll", False),
        ("VCRUNTIME140_1.dll", r"C:\Windows\system32\VCRUNTIME140_1.dll", False),
        ("python312.dll", r"C:\Program Files\Python312\python312.dll", False),
        ("av.libs/avutil.dll", r"D:\a\windows\build\venv\Lib\site-packages\av.libs\avutil.dll", False),
    ],
)
def test_of_the_system_comes_along_what_is_not_on_every_desktop(place, source, is_theirs):
    assert contents.comes_from_the_system(place, source) == is_theirs


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("av.libs/libx264-d6533a8d.so.165", "libx264"),
        ("av.libs/libx265-f5385bb8.so.216", "libx265"),
        ("av.libs/libx264-165-0f71f37cf3f3ee0e2ecac2b06829e9ff.dll", "libx264"),
        ("av.libs/libx265-ee9d492f3fb55d0a3b564bb1bf4f6822.dll", "libx265"),
        ("av.libs/libSvtAv1Enc-7a2b2046575991edd70ef501ca085458.dll", "libSvtAv1Enc"),
        ("av.libs/avcodec-63-2756d4fffb772585dcdece87427716a4.dll", ""),
        ("libjack.so.0", "libjack"),
        ("libx264utils.so", ""),
        ("av.libs/libavcodec-5e6b81c2.so.62", ""),
    ],
)
def test_encoders_are_hollow_and_decoders_are_not(place, name):
    assert contents.hollow_name(place) == name


@pytest.mark.parametrize(
    ("place", "is_stripped"),
    [
        ("libpython3.11.so.1.0", True),
        ("ctranslate2/_ext.cpython-311-x86_64-linux-gnu.so", True),
        ("tokenizers/tokenizers.abi3.so", True),
        ("ctranslate2/_ext.cp312-win_amd64.pyd", False),
        ("tokenizers/tokenizers.pyd", False),
        ("ctranslate2.libs/libctranslate2-bc15bf3f.so.4", False),
    ],
)
def test_only_libraries_of_linux_are_stripped(place, is_stripped):
    assert contents.is_stripped(place) == is_stripped


def test_places_of_windows_are_read_as_the_rules_are_written():
    assert (
        contents.with_slashes(r"PySide6\plugins\tls\qcertonlybackend.dll") == "PySide6/plugins/tls/qcertonlybackend.dll"
    )


def test_windows_has_a_program_for_its_desktop_and_one_for_its_terminals():
    window, terminal = contents.executables("win32")
    assert (window.name, window.in_terminals) == ("undertext.exe", False)
    assert (terminal.name, terminal.in_terminals) == ("undertext.com", True)


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_elsewhere_one_program_is_both(platform):
    assert [program.name for program in contents.executables(platform)] == ["undertext"]


def test_every_command_is_named_to_the_freezer():
    assert {f"desktop.terminal.{name}" for name in main.COMMANDS} <= set(contents.commands())


def test_all_that_the_program_reads_is_among_its_assets():
    inside = {f"{folder}/{path.name}" for path, folder in contents.assets()}
    assert {"assets/demo/demo.ogg", "assets/models/catalog.tsv", "assets/styles/undertext.qss"} <= inside
    assert {f"assets/icons/{path.name}" for path in (ROOT / "assets" / "icons").glob("*.svg")} <= inside
    assert not {place for place in inside if place.endswith(".py")}


def is_import_of(node, modules):
    if isinstance(node, ast.Import):
        return any(alias.name.startswith(modules) for alias in node.names)
    return isinstance(node, ast.ImportFrom) and str(node.module).startswith(modules)


def test_a_module_that_is_left_out_is_imported_by_no_module_that_goes_in():
    gone = ("engine.adapt", "desktop.terminal.adapting")
    assert set(gone) <= set(contents.LEFT_OUT_MODULES)
    inside = [path for room in ("engine", "desktop") for path in (ROOT / room).rglob("*.py")]
    for path in inside:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if not name.startswith(gone):
            at_once = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if is_import_of(node, gone)]
            assert not at_once, path


def test_every_vendored_library_has_its_licence_and_where_its_text_is():
    header, *rows = (PACKAGING / "vendored.tsv").read_text(encoding="utf-8").splitlines()
    assert header.split("\t") == ["place", "name", "licence", "text"]
    for row in rows:
        place, name, licence, text = row.split("\t")
        assert all((place, name, licence, text))
        assert "/" not in text or (PACKAGING / text).is_file()


def test_nothing_that_is_under_the_gpl_alone_comes_along():
    rows = [row.split("\t") for row in (PACKAGING / "vendored.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    alone = [row for row in rows if row[2].startswith("GPL") and "WITH" not in row[2] and " OR " not in row[2]]
    assert not [row for row in alone if not contents.hollow_name(row[0])]


@pytest.fixture
def library(tmp_path):
    """Return what compiles a line of C into a library of a name."""
    if shutil.which("gcc") is None or shutil.which("nm") is None:
        pytest.skip("gcc or binutils is not installed")

    def compiled(name, code, *options):
        source, made = tmp_path / f"{name}.c", tmp_path / f"lib{name}.so.1"
        source.write_text(code)
        command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,lib{name}.so.1", "-o", made, source, *options]
        subprocess.run(command, check=True)
        return made

    return compiled


def test_a_hollow_library_has_the_name_and_what_others_take_and_nothing_else(library, tmp_path):
    encoder = library("encoder", "int levels[7] = {1}; int open_it(void) { return 5; } int unused(void) { return 6; }")
    user = library("user", "extern int levels[]; int open_it(void); int first(void) { return open_it() + levels[0]; }")
    made = hollow.hollow(encoder, [user], tmp_path / "made")
    names = subprocess.run(["nm", "-D", "--defined-only", "-S", made], capture_output=True, text=True, check=True)
    offered = {line.split()[-1]: line.split() for line in names.stdout.splitlines()}
    assert {"levels", "open_it"} <= set(offered)
    assert "unused" not in offered
    assert int(offered["levels"][1], 16) == 28
    assert hollow._soname(made) == hollow._soname(encoder) == "libencoder.so.1"


def test_functions_of_a_hollow_library_say_that_there_is_nothing(library, tmp_path):
    encoder = library("encoder", "int open_it(void) { return 5; }")
    user = library("user", "int open_it(void); int first(void) { return open_it(); }", encoder)
    made = hollow.hollow(encoder, [user], tmp_path / "made")
    call = f"import ctypes; ctypes.CDLL({str(made)!r}, ctypes.RTLD_GLOBAL); print(ctypes.CDLL({str(user)!r}).first())"
    shown = subprocess.run(["python3", "-c", call], capture_output=True, text=True, check=True)
    assert shown.stdout == "0\n"


def test_a_library_with_versions_is_refused(library, tmp_path):
    script = tmp_path / "versions"
    script.write_text("FIRST { global: open_it; };")
    versioned = library("versioned", "int open_it(void) { return 5; }", f"-Wl,--version-script={script}")
    user = library("user", "int open_it(void); int first(void) { return open_it(); }", versioned)
    with pytest.raises(ValueError, match="open_it"):
        hollow.hollow(versioned, [user], tmp_path / "made")


@pytest.fixture
def model(tmp_path):
    """Return a folder with a model that comes with the program, and the catalog that pins it."""
    folder = tmp_path / "models" / "small-one"
    folder.mkdir(parents=True)
    for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_text(name)
    pins = tuple(measure(path.name, (path,)).pin() for path in sorted(folder.iterdir()))
    return folder, {"small-one": Model("small-one", "", None, "MIT", pins)}


def test_a_model_that_is_as_pinned_comes_along(model):
    folder, catalog = model
    assert freeze.built_in(catalog, folder.parent) == ["small-one"]


@pytest.mark.parametrize("harm", ["change", "remove", "rename"])
def test_a_model_that_is_not_as_pinned_ends_the_build(model, harm):
    folder, catalog = model
    weights = folder / "model.bin"
    if harm == "change":
        weights.write_text("model.bon")
    elif harm == "remove":
        weights.unlink()
    else:
        folder.rename(folder.with_name("another"))
    with pytest.raises(freeze.NotAsPublished):
        freeze.built_in(catalog, folder.parent)


def test_the_models_of_this_tree_are_as_pinned():
    assert freeze.built_in(CATALOG, ASSETS) == sorted(name for name, model in CATALOG.items() if model.is_built_in)


def test_a_list_of_files_says_the_same_of_the_same_files(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "a file").write_text("text")
        (tmp_path / name / "link").symlink_to("sub/a file")
    assert freeze.listed(tmp_path / "one") == freeze.listed(tmp_path / "two")
    assert [line.split(maxsplit=2)[2] for line in freeze.listed(tmp_path / "one").splitlines()] == [
        "link -> sub/a file",
        "sub/a file",
    ]


def test_sizes_count_every_byte_once(tmp_path):
    (tmp_path / "_internal" / "av.libs").mkdir(parents=True)
    (tmp_path / "_internal" / "av").mkdir()
    (tmp_path / "undertext").write_bytes(bytes(5))
    (tmp_path / "_internal" / "av.libs" / "libav.so").write_bytes(bytes(7))
    (tmp_path / "_internal" / "av" / "x.so").write_bytes(bytes(11))
    (tmp_path / "_internal" / "libav.so").symlink_to("av.libs/libav.so")
    assert sizes.by_part(tmp_path) == {"av": 18, "Python and single libraries": 5}


def test_no_rule_names_what_another_keeps():
    for kept in contents.KEPT_IN_SPITE:
        assert any(fnmatchcase(kept.replace("*", "x"), rule.pattern) for rule in contents.LEFT_OUT)


def test_where_no_model_is_in_the_assets_a_published_one_lies_where_the_program_looks_for_it(tmp_path, monkeypatch):
    material.engine("tiny.en")
    monkeypatch.setattr(contents, "SHELF", tmp_path)
    assert freeze.shelved(freeze.MODEL, tmp_path) == "tiny.en"
    inside = {f"{place}/{path.name}" for path, place in contents.assets() if path.is_relative_to(tmp_path)}
    at = f"{BROUGHT.relative_to(contents.ROOT).as_posix()}/tiny.en"
    assert {f"{at}/model.bin", f"{at}/undertext.json"} <= inside


def test_a_model_has_its_licence_wherever_it_comes_from():
    place = f"{contents.BROUGHT}/tiny.en/model.bin"
    (model,) = origins.components([origins.Origin("DATA", place, contents.SHELF / "int8/tiny.en/model.bin")])
    assert (model.name, model.licence, model.places) == ("the model tiny.en", "MIT", [place])
    assert "OpenAI" in model.texts[0].read_text(encoding="utf-8")
