"""Every DeepSpeed preset, in one process and in several; signals, killed processes, and another number of them."""

import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_alignment import SETTINGS, changed, make_model, make_samples, plain_loop, train
from tiny import tiny_llama, tiny_tokenizer

from recexplainer.alignment import interruption, training
from recexplainer.alignment.engine import SCALER
from recexplainer.alignment.interruption import Interrupted, StopRequest
from recexplainer.alignment.model import load_aligned
from recexplainer.files import read_json
from recexplainer.inference.generation import TextGenerator

ROOT = Path(__file__).parents[3]
PRESETS = ["zero2", "zero2_offload", "zero3", "zero3_offload"]
CHANGES = {"lr": 3e-2, "checkpoint_every": 6}
STEPS = 10

# What the processes run: some trainings, one after the other, as rows of preset, folder, and what happens in step 8.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
import small_alignment as t
from tiny import tiny_tokenizer
from recexplainer.alignment import training
from recexplainer.alignment.engine import leave
from recexplainer.alignment.interruption import Interrupted
from recexplainer.alignment.model import save_aligned

rank, step = int(os.environ.get("RANK", "0")), training._step

def disturbed(event):
    def once(engine, plan, *rest):
        result = step(engine, plan, *rest)
        calls.append(plan)
        # It comes to the last process alone.
        if len(calls) == 8 and rank == engine.world_size - 1 and event:
            os.kill(os.getpid(), getattr(signal, event))
        return result
    calls = []
    return once

tokenizer = tiny_tokenizer()
for preset, folder, event in json.loads(sys.argv[1]):
    model, folder = t.make_model(tokenizer), Path(folder)
    training._step = disturbed(event)
    settings = t.changed(**json.loads(sys.argv[2]))
    config = f"config/deepspeed/{preset}.json"
    try:
        record, weights = training.train(
            model,
            t.make_samples(tokenizer),
            settings,
            deepspeed_config=config,
            seed=1,
            checkpoints=str(folder / "checkpoints"),
            identity="same",
        )
    except Interrupted as stop:
        (folder / f"interrupted{rank}").write_text(str(stop))
        continue
    if rank == 0:
        save_aligned(model, folder / "model", weights)
        (folder / "record.json").write_text(json.dumps(record))
leave()
"""

# They talk, and end at once.
SHORT_PROGRAM = """
import torch
from recexplainer.alignment.engine import leave

torch.distributed.init_process_group("gloo")
for _ in range(20):
    torch.distributed.all_reduce(torch.ones(1000))
leave()
"""


def run(processes: int, *trainings: tuple) -> subprocess.CompletedProcess:
    """Run trainings (preset, folder, event) one after the other, in some processes."""
    rows = [[preset, str(folder), event] for preset, folder, event in trainings]
    return launch(processes, Path(rows[0][1]).parent, PROGRAM, json.dumps(rows), json.dumps(CHANGES))


def launch(processes: int, folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a program in some processes."""
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    program = folder / "program.py"
    folder.mkdir(parents=True, exist_ok=True)
    program.write_text(text)
    launched = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
    environment = {name: value for name, value in os.environ.items() if name not in launched} | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests/support'}",
    }
    command = [*launcher, str(program), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=900)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """The trainings of all presets, ``{processes}/{preset}``, and ``2/stopped``, which got a signal and went on."""
    folder = tmp_path_factory.mktemp("distributed")
    for processes in (1, 2):
        rows = [(preset, folder / str(processes) / preset, None) for preset in PRESETS]
        if processes == 2:
            rows += [("zero3", folder / "2/stopped", "SIGUSR1"), ("zero3", folder / "2/stopped", None)]
        done = run(processes, *rows)
        assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def plain(tokenizer):
    """The model after the plain loop, and its losses."""
    model = make_model(tokenizer)
    return model, plain_loop(model, tokenizer, **CHANGES)


def curve(folder: Path) -> list[float]:
    return [row["loss"] for row in read_json(folder / "record.json")["curve"]]


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_as_the_plain_loop_does(runs, plain, tokenizer, preset, processes):
    model, losses = plain
    folder = runs / str(processes) / preset
    np.testing.assert_allclose(curve(folder), losses, atol=1e-4)
    assert losses[-1] < losses[0] - 0.3
    # What was saved answers as the plain loop's model does.
    tables, samples = model.users.numpy(), make_samples(tokenizer)[:6]
    loaded = load_aligned(tiny_llama(tokenizer), folder / "model", tables, tables)
    ours, theirs = TextGenerator(loaded, tokenizer, 6), TextGenerator(model.eval(), tokenizer, 6)
    every = list(range(len(tokenizer)))
    np.testing.assert_allclose(
        ours.next_token_logits(samples, every), theirs.next_token_logits(samples, every), atol=2e-3
    )
    assert ours.generate(samples, 5) == theirs.generate(samples, 5)


def test_the_record_says_how_the_batch_was_made_up(runs):
    one, two = (read_json(runs / str(n) / "zero3/record.json") for n in (1, 2))
    for record, processes in ((one, 1), (two, 2)):
        batch = record["batch"]
        assert batch["samples_per_step"] == SETTINGS.batch and batch["processes"] == processes
        assert batch["rows"] == 4 * STEPS and batch["nodes"] == 1
        # Four rows per step, two at once.
        assert batch["accumulation"] == {"least": 2 // processes, "most": 2 // processes}
        assert [part["zero_stage"] for part in record["parts"]] == [3]
    assert one["parameters"] == two["parameters"] == sum(p.numel() for p in make_model(tiny_tokenizer()).parameters())
    assert one["tokens"] == two["tokens"] and one["trained_parameters"] == two["trained_parameters"]


def test_a_signal_to_one_process_stops_all_and_they_go_on(runs, plain):
    folder = runs / "2/stopped"
    # It came after step 8, so it is heard with the loss of step 9.
    for rank in (0, 1):
        assert "saved at step 9 of 10" in (folder / f"interrupted{rank}").read_text()
    np.testing.assert_allclose(curve(folder), plain[1], atol=1e-4)
    record = read_json(folder / "record.json")
    assert record["resumed_at_step"] == 9
    assert [(part["first_step"], part["steps"]) for part in record["parts"]] == [(0, 9), (9, 1)]


@pytest.mark.slow
def test_a_killed_process_ends_the_run_and_others_go_on_from_its_checkpoint(runs, plain, tmp_path):
    done = run(2, ("zero3", tmp_path / "killed", "SIGKILL"))
    assert done.returncode != 0 and "SIGKILL" in done.stderr
    assert not (tmp_path / "killed/record.json").exists()
    assert read_json(tmp_path / "killed/checkpoints/latest.json")["step"] == 6
    # Three processes, so that no tensor can be cut into equal pieces: from two under ZeRO-3, from one under ZeRO-2.
    copied = tmp_path / "other"
    (copied / "checkpoints").mkdir(parents=True)
    for path in (runs / "1/zero2/checkpoints").iterdir():
        (copied / "checkpoints" / path.name).write_bytes(path.read_bytes())
    done = run(3, ("zero2_offload", tmp_path / "killed", None), ("zero3", copied, None))
    assert done.returncode == 0, done.stderr[-3000:]
    for folder in (tmp_path / "killed", copied):
        record = read_json(folder / "record.json")
        assert [part["processes"] for part in record["parts"]] == [2 if folder.name == "killed" else 1, 3]
        assert record["resumed_at_step"] == 6
        np.testing.assert_allclose(curve(folder), plain[1], atol=1e-4)


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_signal_saves_and_nothing_is_lost(tokenizer, tmp_path, monkeypatch, number):
    undisturbed = train(make_model(tokenizer, dropout=0.2), tokenizer, tmp_path / "a", checkpoint_every=0)["curve"]
    step = training._step

    def signalled(engine, *rest):
        if engine.global_steps == 2:
            os.kill(os.getpid(), number)
        return step(engine, *rest)

    monkeypatch.setattr(training, "_step", signalled)
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="saved at step 3 of 10"):
        train(make_model(tokenizer, dropout=0.2), tokenizer, tmp_path / "b", checkpoint_every=0)
    assert signal.getsignal(number) == before
    monkeypatch.setattr(training, "_step", step)
    record = train(make_model(tokenizer, dropout=0.2), tokenizer, tmp_path / "b", checkpoint_every=0)
    assert record["resumed_at_step"] == 3 and record["curve"] == undisturbed


def test_a_worker_whose_launcher_is_gone_is_to_stop(monkeypatch):
    alone = StopRequest()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    worker = StopRequest()
    assert not alone.wanted and not worker.wanted
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert worker.wanted and not alone.wanted


@pytest.mark.parametrize("status", [0, 75])
def test_the_program_leaves_the_others_and_says_if_it_was_interrupted(monkeypatch, status):
    from recexplainer import cli
    from recexplainer.alignment import engine
    from recexplainer.alignment import run as library

    def align(**_):
        done.append("align")
        if status:
            raise Interrupted("asked to stop")

    done = []
    monkeypatch.setattr(library, "align", align)
    monkeypatch.setattr(engine, "leave", lambda: done.append("leave"))
    needed = "--llm x --train x --embeddings x --deepspeed x --seed 1 --checkpoints x --output-dir x --settings"
    monkeypatch.setattr(sys, "argv", ["align.py", *needed.split(), SETTINGS.model_dump_json()])
    threads = torch.get_num_threads()
    for name in (*cli.THREAD_VARIABLES, *cli.UNLESS_SET):
        monkeypatch.setenv(name, "1")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "workflow/scripts/align.py"), run_name="__main__")
    torch.set_num_threads(threads)
    assert ended.value.code == status and done == ["align", "leave"]


@pytest.mark.slow
def test_processes_that_have_talked_end_without_an_abort(tmp_path):
    for _ in range(5):
        done = launch(2, tmp_path, SHORT_PROGRAM)
        assert done.returncode == 0, done.stderr[-3000:]


def test_bf16_keeps_the_weights_exactly(tokenizer, tmp_path):
    weights = []
    for _ in range(2):
        samples, settings = make_samples(tokenizer), changed(precision="bf16")
        config = str(ROOT / "config/deepspeed/zero2.json")
        weights.append(
            training.train(
                make_model(tokenizer),
                samples,
                settings,
                deepspeed_config=config,
                seed=1,
                checkpoints=str(tmp_path),
                identity="x",
            )[1]
        )
    # The second one went on from step 8 and repeats the last two; in fp32, not rounded.
    for name, value in weights[0].items():
        assert value.dtype == torch.float32
        assert torch.equal(value, weights[1][name]), name
    assert any(not torch.equal(value, value.bfloat16().float()) for value in weights[0].values())


def test_the_loss_scaler_of_fp16_has_the_attributes_that_are_kept():
    from deepspeed.runtime.fp16.loss_scaler import DynamicLossScaler

    scaler = DynamicLossScaler(2**16, 1000, 1, 2, False)
    assert scaler.dynamic and all(hasattr(scaler, name) for name in SCALER)
    before = {name: getattr(scaler, name) for name in SCALER}
    scaler.update_scale(True)
    scaler.update_scale(True)
    assert all(getattr(scaler, name) != before[name] for name in SCALER)
