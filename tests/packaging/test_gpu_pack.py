"""The GPU pack, made of a few small packages; with `./run package test` of the torch here, in the program of dist/."""

import os
import shutil
import subprocess
import zipfile
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine.pack import keeping
from engine.pack.installed import find
from engine.pack.manifest import NAME, TORCH
from engine.pack.trial import Trial
from tests import material
from tests.packaging.parts import part

gpu_pack, contents, smoke = part("gpu_pack"), part("contents"), part("smoke")

DIST = os.environ.get("UNDERTEXT_DIST", "")
PACKAGES = {
    "torch": {
        "torch/__init__.py": "x = 1\n", "torch/version.py": "cuda: Optional[str] = '13.0'\n", "torch/_C.pyi": "",
        "torch/bin/torch_shm_manager": "#!", "torch/bin/protoc": "", "torch/test/test_x.py": "",
        "torch/include/a.h": "", "torch/lib/libtorch.so": "elf", "torch/lib/libjitbackend_test.so": "",
        "torch/nn/tests/a.py": "",
    },
    "triton": {"triton/__init__.py": "", "triton/backends/nvidia/include/cuda.h": "", "triton/_C/libproton.so": ""},
    "safetensors": {"safetensors/__init__.py": ""},
    "setuptools": {"setuptools/__init__.py": "", "_distutils_hack/__init__.py": "", "distutils-precedence.pth": ""},
    "Some_Need": {"some_need.py": "", "../../bin/some-need": ""},
    "stranger": {"stranger.py": ""},
}  # fmt: skip
NEEDS = {"torch": ["some.need>=1", "setuptools", "stranger; extra == 'more'"], "Some_Need": ["torch"]}
STAY = {
    "torch/__init__.py", "torch/version.py", "torch/bin/torch_shm_manager", "torch/lib/libtorch.so",
    "triton/__init__.py", "triton/backends/nvidia/include/cuda.h", "safetensors/__init__.py", "some_need.py",
}  # fmt: skip


@pytest.fixture
def site(tmp_path):
    """Return a folder of installed packages, small ones."""
    folder = tmp_path / "env" / "lib" / "site-packages"
    for name, files in PACKAGES.items():
        version = f"{TORCH}+cu130" if name == "torch" else "1.0"
        info = f"{name}-{version}.dist-info"
        needs = "".join(f"Requires-Dist: {need}\n" for need in NEEDS.get(name, ()))
        licensed = {f"{info}/METADATA": f"Name: {name}\nVersion: {version}\nLicense-Expression: MIT\n{needs}"}
        licensed |= {f"{info}/licenses/LICENSE": f"{name} may be used.\n", f"{info}/INSTALLER": "pip"}
        record = [f"{file},," for file in [*files, *licensed, f"{info}/RECORD"]]
        for file, text in {**files, **licensed, f"{info}/RECORD": "\n".join(record)}.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (folder / "torch" / "bin" / "torch_shm_manager").chmod(0o755)
    return folder


def made_in(tmp_path, name, site):
    (tmp_path / name).mkdir()
    return gpu_pack.make(tmp_path / name, site)[0]


def test_a_pack_has_what_is_used_of_torch_and_what_torch_needs_and_no_more(site, tmp_path):
    with zipfile.ZipFile(made_in(tmp_path, "out", site)) as archive:
        names = archive.namelist()
    assert names[0] == NAME
    inside = {name.removeprefix("site/") for name in names if name.startswith("site/") and ".dist-info/" not in name}
    assert {name for name in inside if not name.endswith(".pyc")} == STAY
    assert {name for name in names if name.endswith("METADATA")} == {
        f"site/{name}-{version}.dist-info/METADATA"
        for name, version in (
            ("torch", f"{TORCH}+cu130"),
            ("triton", "1.0"),
            ("safetensors", "1.0"),
            ("Some_Need", "1.0"),
        )
    }
    assert {name for name in names if name.startswith("licences/")} == {
        f"licences/{name}.txt" for name in ("README", "torch", "triton", "safetensors", "Some-Need")
    }


def test_what_is_made_can_be_installed(site, tmp_path):
    made = made_in(tmp_path, "out", site)
    assert made.name.startswith("undertext-gpu-")
    folder = tmp_path / "home" / "pack"
    passed = Trial(TORCH, "13.0", "", "")
    manifest, _ = keeping.install(made, folder, lambda _folder: passed, lambda *_report: None)
    assert (manifest.torch, manifest.cuda) == (f"{TORCH}+cu130", "13.0")
    assert find(folder) == manifest
    assert os.access(folder / "site" / "torch" / "bin" / "torch_shm_manager", os.X_OK)
    assert "torch may be used." in (folder / "licences" / "torch.txt").read_text(encoding="utf-8")


def test_the_same_packages_give_the_same_archive(site, tmp_path):
    assert made_in(tmp_path, "one", site).read_bytes() == made_in(tmp_path, "two", site).read_bytes()


def test_its_checksum_stands_in_the_list_beside_it_once(site, tmp_path):
    (tmp_path / "out").mkdir()
    sums = tmp_path / "out" / "SHA256SUMS"
    sums.write_text(f"{'0' * 64}  undertext.deb\n")
    made, *_ = gpu_pack.make(tmp_path / "out", site)
    gpu_pack.add_checksum(made)
    names = [line.split("  ")[1] for line in sums.read_text().splitlines()]
    assert names == [made.name, "undertext.deb"]


def test_the_bytecode_tells_nothing_of_where_it_was_made(site, tmp_path):
    with zipfile.ZipFile(made_in(tmp_path, "out", site)) as archive:
        compiled = [archive.read(name) for name in archive.namelist() if name.endswith(".pyc")]
    assert compiled
    assert not [data for data in compiled if str(tmp_path).encode() in data]


def test_no_pack_is_made_of_another_torch(site, tmp_path):
    (site / f"torch-{TORCH}+cu130.dist-info" / "METADATA").write_text("Name: torch\nVersion: 1.0\nLicense: MIT\n")
    with pytest.raises(gpu_pack.NoPack, match=r"torch 1\.0"):
        made_in(tmp_path, "out", site)


def test_no_pack_is_made_without_what_torch_needs(site, tmp_path):
    shutil.rmtree(site / "safetensors-1.0.dist-info")
    with pytest.raises(gpu_pack.NoPack, match="safetensors"):
        made_in(tmp_path, "out", site)


@pytest.mark.parametrize(
    ("place", "stays_out"),
    [
        ("torch/bin/torch_shm_manager", False),
        ("torch/bin/test_api", True),
        ("torch/lib/libtorch_cuda.so", False),
        ("torch/lib/libshm_windows/libshm.lib", True),
        ("torch/testing/_comparison.py", False),
        ("nvidia/cublas/lib/libcublas.so.13", False),
        ("nvidia/cublas/include/cublas.h", True),
        ("triton/backends/nvidia/include/cuda.h", False),
        ("triton/backends/nvidia/bin/ptxas", False),
        ("triton-3.9.0.dist-info/entry_points.txt", False),
        ("triton-3.9.0.dist-info/RECORD", True),
        ("sympy/core/tests/test_basic.py", True),
    ],
)
def test_a_file_stays_out_of_the_pack_for_a_reason(place, stays_out):
    assert bool(contents.why_left_out(place, *contents.OF_THE_GPU_PACK)) == stays_out


def test_what_torch_needs_of_python_is_not_left_out_of_the_program():
    assert not set(contents.FOR_THE_GPU_PACK) & set(contents.LEFT_OUT_MODULES)
    assert all(find_spec(name) for name in (*contents.FOR_THE_GPU_PACK, *contents.AS_SOURCE) if "kernels" not in name)


# A driver that shows a card on a machine without one: the program then looks at its pack.
DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "A made-up card", length); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 24ul << 30; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = 8; return 0; }
"""
frozen = pytest.mark.skipif(not DIST, reason="takes minutes: ./run package, then ./run package test")
PATIENCE_S = 1200


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return a pack made of the torch of this environment."""
    if find_spec("torch") is None:
        pytest.skip("torch is not installed (extra gpu)")
    installed = Path(str(distribution("torch").locate_file("")))
    return gpu_pack.make(tmp_path_factory.mktemp("pack"), installed, level=1)[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the program of dist/ in a home of its own, with nothing else in its environment; return what it printed."""
    home = tmp_path_factory.mktemp("ein Zuhause ü")

    def run(*arguments, **more):
        command = [Path(DIST, "undertext", "undertext"), *map(str, arguments)]
        environment = smoke.environment(home) | {"UNDERTEXT_HOME": str(home)} | more
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", env=environment, timeout=PATIENCE_S, check=False
        )

    run.home = home
    return run


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """Return the variable that lets a program find the made-up driver."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("driver")
    (folder / "driver.c").write_text(DRIVER)
    command = ["gcc", "-shared", "-fPIC", "-o", folder / "libcuda.so.1", folder / "driver.c"]
    subprocess.run(command, check=True)
    return {"LD_LIBRARY_PATH": str(folder)}


@frozen
@pytest.mark.timeout(3 * PATIENCE_S)
def test_the_frozen_program_takes_a_pack_tells_why_no_gpu_is_used_captions_and_lets_it_go(archive, run, card):
    """One test, in this order: a pack takes a minute to come and a second to go."""
    import torch

    if torch.version.cuda is not None:
        pytest.skip("this torch was built for CUDA; what is said of it depends on this machine")
    none = run("gpu", **card)
    assert "GPU pack: there is none" in none.stdout
    assert "undertext gpu install FILE" in none.stdout
    assert "A made-up card, 24 GB" in none.stdout

    installed = run("gpu", "install", archive)
    assert (installed.returncode, installed.stderr) == (0, "")
    assert f"The GPU pack is installed: torch {torch.__version__}, built without CUDA" in installed.stdout
    assert "Its self-test passed" in installed.stdout
    assert "No GPU is used: this PyTorch was built without CUDA" in installed.stdout

    shown = run("gpu", **card)
    assert f"GPU pack: torch {torch.__version__}, built without CUDA" in shown.stdout
    assert f"torch {torch.__version__}, not used: this PyTorch was built without CUDA" in shown.stdout
    assert "there is no NVIDIA driver" in run("gpu").stdout

    model = material.engine("tiny.en").installed.path
    captioned = run("caption", "demo", "--pace", "fast", "--model", model, **card)
    assert (captioned.returncode, captioned.stderr) == (0, "")
    assert smoke.heard(captioned.stdout) >= smoke.ALIKE

    library = next((run.home / "gpu" / "pack" / "site" / "torch" / "lib").glob("libtorch_python*"))
    library.write_bytes(library.read_bytes()[:-1])
    damaged = run("gpu", **card)
    assert f"damaged: site/torch/lib/{library.name} has" in damaged.stdout
    assert damaged.stdout.count("undertext gpu install FILE") == 2, "of the pack, and of the card that is not used"

    assert "The GPU pack is deleted." in run("gpu", "remove").stdout
    assert [path.name for path in (run.home / "gpu").iterdir()] == ["pack.lock"]


@frozen
def test_what_the_frozen_program_lacks_to_adapt_is_still_the_source(run):
    refused = run("adapt", "tiny.en", "--out", "nothing")
    assert refused.returncode == 2
    assert "run Undertext from its source" in refused.stderr
