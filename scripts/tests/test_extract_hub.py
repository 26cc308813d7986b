# SPDX-License-Identifier: Apache-2.0
"""extract_fixture against a hub on this machine: which bytes are fetched, what goes wrong, and what is kept."""

import email.utils
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: scripts/setup extract")
pytest.importorskip("safetensors", reason="safetensors is not installed: scripts/setup extract")

from local_hub import CHUNK, LocalHub, commit_of  # noqa: E402
from model_folders import BLOCK, K, N, UP, SCRIPTS, gptq_config, gptq_model, model_files  # noqa: E402

sys.path.insert(0, str(SCRIPTS))

from hub import progress, ranges  # noqa: E402

EXTRACT = SCRIPTS / "extract_fixture.py"
REPO, LAYER = "owner/model", BLOCK.format(1) + UP


@pytest.fixture
def hub():
    with LocalHub() as running:
        running.add(REPO, model_files(gptq_model(layers=3), gptq_config(), shards=3), licence="apache-2.0")
        yield running


class Call:
    """The command in a folder of its own with a cache of its own."""

    def __init__(self, hub, folder):
        self.hub, self.folder = hub, folder

    def environment(self, **changes):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "XDG_", "HUGGING"))}
        return clean | self.hub.environment(self.folder / "cache") | changes

    def __call__(self, *words, **changes):
        return subprocess.run([sys.executable, EXTRACT, *map(str, words)], cwd=self.folder, capture_output=True,
                              text=True, timeout=120, env=self.environment(**changes))

    def refused(self, *words, **changes):
        before = self.listing()
        done = self(*words, **changes)
        assert done.returncode == 129 and done.stdout == "", done
        lines = [line for line in done.stderr.splitlines() if ", again in " not in line and ": fetching " not in line]
        assert len(lines) == 1 and lines[0].startswith("extract_fixture: "), done.stderr
        assert self.listing() == before
        return lines[0]

    def start(self, *words):
        # Of what a shell starts in the background SIGINT is ignored, and so it is of all that that starts.
        return subprocess.Popen([sys.executable, EXTRACT, *map(str, words)], cwd=self.folder, stderr=subprocess.PIPE,
                                text=True, env=self.environment(),
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def listing(self):
        """What lies outside the cache."""
        return sorted(str(path) for path in self.folder.rglob("*") if "cache" not in path.relative_to(self.folder).parts)


@pytest.fixture
def call(hub, tmp_path):
    return Call(hub, tmp_path)


def tensors_in(folder):
    return {path.stem: np.load(path) for path in folder.glob("*.npy")}


def same_as_model(folder, layer_index=1):
    expected = {name.rpartition(".")[2]: tensor for name, tensor in gptq_model(layers=3).items()
                if name.startswith(BLOCK.format(layer_index) + UP + ".")}
    found = tensors_in(folder)
    assert set(expected) <= set(found)
    return all(np.array_equal(found[name], tensor) for name, tensor in expected.items())


def layer_bytes(hub):
    """(bytes of the layer's tensors, bytes of its norm, bytes of a shard's length and header)."""
    tensors = gptq_model(layers=3)
    mine = sum(t.nbytes for n, t in tensors.items() if n.startswith(LAYER + "."))
    headers = {f: 8 + int.from_bytes(b[:8], "little") for f, b in hub.repositories[REPO].files.items()
               if f.endswith(".safetensors")}
    return mine, 2 * K, headers


# ---- what is fetched -------------------------------------------------------------------------------------------------

def test_a_layer_of_a_sharded_model_costs_its_tensors_and_headers_and_nothing_else(hub, call):
    done = call(REPO, LAYER, "-o", "up", "--no-activations")
    assert done.returncode == 0, done.stderr
    assert same_as_model(call.folder / "up")
    tensors, _, headers = layer_bytes(hub)
    index = json.loads(hub.repositories[REPO].files["model.safetensors.index.json"])["weight_map"]
    shards = {index[name] for name in index if name.startswith(LAYER + ".")}
    served, sent = hub.weights_served()
    assert sent == tensors + sum(headers[shard] for shard in shards)
    assert {entry.path.rpartition("/")[2] for entry in served} == shards and all(e.status == 206 for e in served)
    assert all(entry.range for entry in served)


def test_tensors_that_adjoin_are_one_request(hub, call):
    hub.add(REPO, model_files(gptq_model(layers=3), gptq_config()))
    assert call(REPO, LAYER, "-o", "up", "--no-activations").returncode == 0
    served, _ = hub.weights_served()
    assert len(served) == 4    # length, header, qweight and qzeros as one, scales: the library puts wider types first


def test_the_norm_before_the_layer_scales_random_activations_and_is_all_that_they_cost(hub, call):
    assert call(REPO, LAYER, "-o", "up").returncode == 0
    tensors, norm, headers = layer_bytes(hub)
    _, sent = hub.weights_served()
    touched = sum(headers[f] for f in {e.path.rpartition("/")[2] for e in hub.weights_served()[0]})
    assert sent == tensors + norm + touched
    rows = np.load(call.folder / "up" / "activations.npy")
    assert rows.shape == (16, K) and rows.dtype == np.float16
    assert 0.45 < rows.astype(float).std() < 0.55    # the norm's weight is 0.5


def test_the_manifest_says_where_every_tensor_comes_from(hub, call):
    import hashlib
    assert call(REPO, "model.layers.1.mlp.up_proj", "-o", "up").returncode == 0
    manifest = json.loads((call.folder / "up" / "fixture.json").read_text())
    assert {key: manifest[key] for key in ("format", "group_size", "symmetric", "act_order", "dtype", "name", "licence")} \
        == {"format": "gptq_v1", "group_size": 128, "symmetric": True, "act_order": False, "dtype": "fp16",
            "name": LAYER, "licence": "apache-2.0"}
    source = manifest["source"]
    assert source["repository"] == REPO and source["revision"] == commit_of(REPO)
    for part, tensor in tensors_in(call.folder / "up").items():
        digest = hashlib.sha256(tensor.tobytes()).hexdigest()
        assert manifest["checksums"][part] == f"sha256:{digest}"
        if part == "activations":
            continue
        origin = source["tensors"][part]
        assert origin["tensor"] == f"{LAYER}.{part}" and origin["sha256"] == digest
        assert origin["file"] in hub.repositories[REPO].files and origin["shape"] == list(tensor.shape)


def test_a_glob_writes_one_fixture_a_layer(call):
    done = call(REPO, "*.layers.[02].*up_proj", "-o", "layers")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (call.folder / "layers").iterdir()) == [BLOCK.format(i) + UP for i in (0, 2)]
    assert same_as_model(call.folder / "layers" / (BLOCK.format(2) + UP), 2)


def test_a_revision_is_a_branch_or_a_commit_and_at_sign_says_the_same(hub, call):
    hub.repositories[REPO].revisions = ("main", "v2")
    assert call(REPO, LAYER, "-o", "a", "--revision", "v2").returncode == 0
    assert call(f"{REPO}@{commit_of(REPO)}", LAYER, "-o", "b").returncode == 0
    assert call(f"hf:{REPO}", LAYER, "-o", "c").returncode == 0
    assert json.loads((call.folder / "a" / "fixture.json").read_text())["source"]["requested_revision"] == "v2"


def test_list_needs_headers_alone(hub, call):
    done = call(REPO, "--list", "--json")
    assert done.returncode == 0, done.stderr
    layers = json.loads(done.stdout)["layers"]
    assert [entry["layer"] for entry in layers] == [BLOCK.format(i) + UP for i in range(3)]
    assert all((entry["K"], entry["N"], entry["format"], entry["group_size"], entry["symmetric"], entry["act_order"])
               == (K, N, "gptq_v1", 128, True, False) for entry in layers)
    tensors, norm, headers = layer_bytes(hub)
    assert layers[1]["bytes"] == tensors and layers[1]["bytes_to_fetch"] == tensors + norm
    assert hub.weights_served()[1] == sum(headers.values())
    text = call(REPO, "--list").stdout.splitlines()
    assert text[0].split() == ["layer", "K", "N", "format", "group_size", "symmetric", "act-order", "fetch"]
    assert len(text) == 4 and text[1].split()[:3] == [BLOCK.format(0) + UP, str(K), str(N)]


# ---- faults of the network -------------------------------------------------------------------------------------------

def test_a_transfer_that_breaks_goes_on_at_the_byte_reached(hub, call):
    hub.add(REPO, model_files(gptq_model(layers=3), gptq_config()))
    hub.faults.break_after = [5000, 9000]
    done = call(REPO, LAYER, "-o", "up", "--no-activations")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("broken off at byte") == 2 and same_as_model(call.folder / "up")
    tensors, _, headers = layer_bytes(hub)
    header = 8 + int.from_bytes(hub.repositories[REPO].files["model.safetensors"][:8], "little")
    assert hub.weights_served()[1] == tensors + header    # no byte twice


def test_too_many_requests_are_waited_for_as_long_as_the_server_asks(hub, call):
    hub.faults.answers = [("/cdn/", 429, {"Retry-After": "2"}), ("/api/", 503, {"Retry-After": "0"}),
                          ("config.json", 429, {"Retry-After": "0"})]
    began = time.monotonic()
    done = call(REPO, LAYER, "-o", "up")
    assert done.returncode == 0 and time.monotonic() - began >= 2
    assert "the server answers 429, again in 2 s" in done.stderr and "answers 503, again in 0 s" in done.stderr
    assert hub.faults.answers == [] and same_as_model(call.folder / "up")


def test_a_server_that_asks_for_an_hour_is_not_waited_for(hub, call):
    hub.faults.answers = [("/cdn/", 429, {"Retry-After": "3600"})]
    assert "the server asks to wait 3600 s" in call.refused(REPO, LAYER, "-o", "up")


def test_a_server_without_ranges_costs_the_whole_shard_and_that_is_said(hub, call):
    hub.add(REPO, model_files(gptq_model(layers=3), gptq_config()))
    hub.faults.ranges = False
    done = call(REPO, LAYER, "-o", "up")
    assert done.returncode == 0, done.stderr
    assert "model.safetensors: the server gives no byte ranges, so the whole file is fetched: " in done.stderr
    assert same_as_model(call.folder / "up")


def test_an_answer_about_another_range_is_refused(hub, call):
    hub.faults.lie_in_content_range = True
    assert "the file changed meanwhile" in call.refused(REPO, LAYER, "-o", "up")


REFUSALS = {
    "missing repository": (lambda hub: ("owner/none", LAYER), "owner/none: no such repository, or it is private (401)"),
    "missing revision": (lambda hub: (f"{REPO}@v9", LAYER), "owner/model: no revision 'v9' (404)"),
    "missing layer": (lambda hub: (REPO, "model.layers.1.mlp.upp_proj"), f"near it: {BLOCK.format(1)}{UP}"),
    "ambiguous layer": (lambda hub: (REPO, "up_proj"), "layer 'up_proj' may be any of 3: "),
    "a dense layer": (lambda hub: (REPO, "model.embed_tokens"), "is not quantised to 4 bits in a way known here: it holds weight"),
    "a glob of nothing": (lambda hub: (REPO, "*.down_proj"), "no quantised layer matches '*.down_proj'"),
    "no name at all": (lambda hub: ("no such thing", LAYER), "neither a file or folder here nor a name like OWNER/MODEL"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_hub_does_not_have_is_one_line(hub, call, case):
    words, text = REFUSALS[case]
    assert text in call.refused(*words(hub), "-o", "up")


def test_a_private_model_needs_its_token(hub, call):
    hub.repositories[REPO].token = "hf_secret"
    assert "set HF_TOKEN" in call.refused(REPO, LAYER, "-o", "up")
    assert call(REPO, LAYER, "-o", "up", HF_TOKEN="hf_secret").returncode == 0
    # the signed address of another server is not given the token
    served, _ = hub.weights_served()
    assert served and all(entry.token is None for entry in served)


def test_a_gated_model_needs_its_licence_accepted(hub, call):
    hub.repositories[REPO].token, hub.repositories[REPO].gated = "hf_secret", True
    assert "access needs its licence accepted (403)" in call.refused(REPO, LAYER, "-o", "up")


def test_a_refused_file_is_one_line(hub, call):
    hub.faults.answers = [("/cdn/", 403, {})]
    assert "access is refused (403)" in call.refused(REPO, LAYER, "-o", "up")


def test_a_hub_that_is_not_there_is_one_line_and_a_known_model_goes_on_from_the_cache(hub, call):
    assert call(f"hf:{REPO}", LAYER, "--cached").returncode == 0
    offline = call(f"hf:{REPO}", LAYER, "--cached", HF_HUB_OFFLINE="1")
    assert offline.returncode == 0 and "going on with the commit it had last time" in offline.stderr
    assert same_as_model(Path(offline.stdout.strip()))
    assert "HF_HUB_OFFLINE is set" in call.refused("owner/other", LAYER, "-o", "up", HF_HUB_OFFLINE="1")


# ---- interrupted runs ------------------------------------------------------------------------------------------------

def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing_and_the_next_one_fetches_only_the_rest(hub, call, how):
    rng = np.random.default_rng(5)
    big = 8 * N    # wide enough for a transfer of many chunks
    tensors = {f"{LAYER}.qweight": rng.integers(-2**31, 2**31, (256, big)).astype(np.int32),
               f"{LAYER}.scales": np.ones((16, big), dtype=np.float16)}
    hub.add(REPO, model_files(tensors, gptq_config()))
    hub.faults.stall_at = 20 * CHUNK
    total = sum(tensor.nbytes for tensor in tensors.values())
    process = call.start(REPO, LAYER, "-o", "up", "--no-activations")
    parts = call.folder / "cache/xdg/w4bisect/parts"
    def arrived():
        return sum(path.stat().st_size for path in parts.rglob("*") if path.is_file())
    wait_for(lambda: parts.is_dir() and arrived() == 20 * CHUNK)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    kept = arrived()
    assert kept == 20 * CHUNK < total and call.listing() == []
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert said.splitlines()[-1] == ("extract_fixture: interrupted; what has been fetched is kept, the same command "
                                         "goes on there")
    hub.faults.stall_at = None
    hub.go_on.set()
    hub.log.clear()
    done = call(REPO, LAYER, "-o", "up", "--no-activations")
    assert done.returncode == 0 and "are there from an earlier run" in done.stderr, done.stderr
    assert hub.weights_served()[1] == total - kept    # the header is kept too
    found = tensors_in(call.folder / "up")
    assert all(np.array_equal(found[name.rpartition(".")[2]], tensor) for name, tensor in tensors.items())
    assert not any(path.is_file() and path.name != "lock" for path in parts.rglob("*"))


def broken_for_good(hub, call):
    """A run that ends after 5000 bytes of the layer and keeps them."""
    hub.faults.break_after, hub.faults.after_break = [5000], [("/cdn/", 429, {"Retry-After": "3600"})]
    assert "the server asks to wait" in call.refused(REPO, LAYER, "-o", "up", "--no-activations")
    hub.faults.after_break = []
    hub.log.clear()


@pytest.mark.parametrize("commit", [commit_of(REPO), commit_of("another")], ids=["same commit", "another commit"])
def test_a_file_that_changed_between_two_runs_is_fetched_anew(hub, call, commit):
    hub.add(REPO, model_files(gptq_model(layers=3), gptq_config()))
    broken_for_good(hub, call)
    changed = gptq_model(layers=3)
    changed[f"{LAYER}.scales"] = changed[f"{LAYER}.scales"] * 2
    hub.add(REPO, model_files(changed, gptq_config()), commit=commit)    # with the same commit only the ETag tells
    done = call(REPO, LAYER, "-o", "up", "--no-activations")
    assert done.returncode == 0, done.stderr
    assert "from an earlier run" not in done.stderr
    found = tensors_in(call.folder / "up")
    assert all(np.array_equal(found[part], changed[f"{LAYER}.{part}"]) for part in ("qweight", "scales", "qzeros"))


def test_a_file_that_did_not_change_is_not_fetched_twice(hub, call):
    hub.add(REPO, model_files(gptq_model(layers=3), gptq_config()))
    broken_for_good(hub, call)
    done = call(REPO, LAYER, "-o", "up", "--no-activations")
    assert done.returncode == 0 and "5.0 kB are there from an earlier run" in done.stderr
    assert same_as_model(call.folder / "up") and hub.weights_served()[1] == layer_bytes(hub)[0] - 5000


def test_an_existing_output_is_left_alone_before_anything_is_fetched(hub, call):
    (call.folder / "up").mkdir()
    assert "up: exists already, nothing is overwritten" in call.refused(REPO, LAYER, "-o", "up")
    assert hub.log == []


def test_without_a_terminal_no_bar_is_drawn(call):
    done = call(REPO, LAYER, "-o", "up")
    assert "\r" not in done.stderr and "\033" not in done.stderr and "fetching " in done.stderr


def test_on_a_terminal_a_bar_is_drawn_and_wiped_away(hub, call):
    hub.faults.seconds_a_chunk = 0.15
    ours, theirs = pty.openpty()
    done = subprocess.run([sys.executable, EXTRACT, REPO, LAYER, "-o", call.folder / "up"], stderr=theirs, timeout=60,
                          env=call.environment())
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 4096):
            said += chunk
    except OSError:    # Linux ends a terminal whose other side is closed with EIO
        pass
    os.close(ours)
    assert done.returncode == 0 and b"extract_fixture: [###" in said
    assert b"\r\033[K" in said.rpartition(b"#]")[2] or b"\r\033[K" in said[said.rindex(b"[#"):]


def test_elsewhere_than_on_a_terminal_a_line_is_written_every_five_seconds(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    bar = progress.Progress("extract_fixture", total=10_000_000, have=2_000_000)
    for _ in range(12):
        now[0] += 1
        bar.add(500_000)
    assert capsys.readouterr().err.splitlines() == [
        "extract_fixture: 4.5 MB of 10.0 MB, 500.0 kB/s", "extract_fixture: 7.0 MB of 10.0 MB, 500.0 kB/s"]


def test_retry_after_is_seconds_or_a_date():
    assert ranges.seconds_in("7") == 7
    assert 50 < ranges.seconds_in(email.utils.formatdate(time.time() + 60, usegmt=True)) <= 60
    assert ranges.seconds_in("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert ranges.seconds_in("soon") is None and ranges.seconds_in(None) is None


def test_two_runs_at_once_do_not_disturb_each_other(hub, call):
    hub.add(REPO, model_files(gptq_model(layers=3), gptq_config()))
    hub.faults.seconds_a_chunk = 0.3
    runs = [call.start(f"hf:{REPO}", LAYER, "-o", f"up{i}", "--no-activations") for i in range(2)]
    said = [process.communicate(timeout=60)[1] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], said
    assert same_as_model(call.folder / "up0") and same_as_model(call.folder / "up1")
    assert any("waiting for another run" in text for text in said)


# ---- bad models ------------------------------------------------------------------------------------------------------

def with_header(files, header, data=b""):
    text = json.dumps(header).encode() if isinstance(header, dict) else header
    return files | {"model.safetensors": len(text).to_bytes(8, "little") + text + data}


ENTRY = {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}
BAD = {
    "header of gigabytes": (lambda f: f | {"model.safetensors": (3 << 30).to_bytes(8, "little") + b"{}"}, "a header of 3221225472 bytes in a file of"),
    "empty weights": (lambda f: f | {"model.safetensors": b""}, "0 bytes, a safetensors file starts with 8"),
    "offsets beyond the file": (lambda f: with_header(f, {"a": ENTRY}), "truncated: "),
    "nan in a header": (lambda f: with_header(f, b'{"a": NaN}'), "holds NaN, which is no JSON number"),
    "key twice": (lambda f: with_header(f, b'{"a": {}, "a": {}}'), "key 'a' is given twice"),
    "20 000 extents": (lambda f: with_header(f, {"a": ENTRY | {"shape": [1] * 20000}}, bytes(8)), "20000 dimensions, at most 8 are read"),
    "20 000 offsets": (lambda f: with_header(f, {"a": ENTRY | {"data_offsets": [1] * 20000}}, bytes(8)), "1, 1, ...] are not lists of integers"),
    "nested too deep": (lambda f: with_header(f, b'{"a":' * 100000), "not valid JSON: nested too deep"),
    "a name with a NUL": (lambda f: with_header(f, {"a\0.qweight": ENTRY}, bytes(8)), "holds a text with a NUL"),
    "half a surrogate pair": (lambda f: with_header(f, b'{"a\\uD800": 1}'), "holds a text with half a surrogate pair"),
    "overlapping tensors": (lambda f: with_header(f, {"a": ENTRY, "b": ENTRY}, bytes(8)), "they overlap"),
    "a hole": (lambda f: with_header(f, {"a": ENTRY | {"data_offsets": [8, 16]}}, bytes(16)), "a hole"),
    "shape against offsets": (lambda f: with_header(f, {"a": ENTRY | {"shape": [5]}}, bytes(8)), "takes 10 bytes"),
    "a shape beyond all bounds": (lambda f: with_header(f, {"a": ENTRY | {"shape": [1 << 62, 1 << 62]}}, bytes(8)), "bytes, data_offsets [0, 8] span 8"),
    "a negative offset": (lambda f: with_header(f, {"a": ENTRY | {"data_offsets": [-8, 0]}}, bytes(8)), "are not lists of integers from 0 up"),
    "a type that is none": (lambda f: with_header(f, {"a": ENTRY | {"dtype": "F17"}}, bytes(8)), "dtype 'F17' is not known"),
    "an index that lies": (lambda f: model_files(gptq_model(), gptq_config()) | {"model.safetensors.index.json": json.dumps(
        {"weight_map": {f"{LAYER}.qweight": "model.safetensors", f"{LAYER}.zzz.qweight": "model.safetensors"}}).encode()},
        "no tensor scales beside qweight"),
    "an index to a missing shard": (lambda f: f | {"model.safetensors.index.json": json.dumps(
        {"weight_map": {f"{LAYER}.qweight": "none.safetensors"}}).encode()}, "none.safetensors: no such file at revision 'main' (404)"),
    "index to another folder": (lambda f: f | {"model.safetensors.index.json": b'{"weight_map": {"a.qweight": "../../x"}}'}, "names the file '../../x', expected a plain file name"),
    "index to a name that steers a terminal": (lambda f: f | {"model.safetensors.index.json": b'{"weight_map": {"a.qweight": "a\\u001b[2J.safetensors"}}'}, r"names the file 'a\x1b[2J.safetensors', expected a plain file name"),
    "index without a map": (lambda f: f | {"model.safetensors.index.json": b"{}"}, "has no object weight_map"),
    "config that is a list": (lambda f: f | {"config.json": b"[1]"}, "config.json: is a list, expected an object"),
    "config part that is text": (lambda f: f | {"config.json": b'{"quantization_config": "gptq"}'}, "quantization_config is text, expected an object"),
    "config with nan": (lambda f: f | {"config.json": b'{"a": NaN}'}, "config.json: not valid JSON: holds NaN"),
    "config that is no JSON": (lambda f: f | {"config.json": b"\xff\xfe"}, "config.json: not UTF-8 at byte 0"),
    "no weights": (lambda f: {"pytorch_model.bin": b"x"}, "pytorch_model.bin: pickled PyTorch is not read"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_unsound_model_is_one_line_and_nothing_is_written(hub, call, case):
    spoil, text = BAD[case]
    hub.add(REPO, spoil(model_files(gptq_model(), gptq_config())))
    assert text in call.refused(REPO, LAYER, "-o", "up")
