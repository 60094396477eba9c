"""Whether the installed torch has code for the GPU: said in one line before a job loads anything."""

import os
import re
import runpy
import sys

import pytest
import torch
from clone import ROOT

from recexplainer import arguments, devices
from recexplainer.errors import InputError

# What builds of torch say of themselves.
CUDA_13 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]
CUDA_12_6 = ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]
PROGRAMS = ("align.py", "predict.py", "explain.py", "classify_cases.py", "rank_pointwise.py")


@pytest.fixture
def card(monkeypatch):
    """Make torch a build for CUDA on a machine with a card."""

    def made(name: str, capability: tuple[int, int], built: list[str], count: int = 1) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda place=0: f"{name} {place}")
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda place=0: capability)
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: built)
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.delenv("LOCAL_RANK", raising=False)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    return made


@pytest.mark.parametrize(
    ("capability", "built", "runs"),
    [
        ((7, 0), CUDA_13, False),  # V100
        ((7, 0), CUDA_12_6, True),
        ((6, 1), CUDA_12_6, True),  # GTX 1080: code for 6.0
        ((7, 5), CUDA_13, True),  # T4
        ((8, 9), CUDA_13, True),  # L4: code for 8.6
        ((8, 0), ["sm_86", "sm_90"], False),  # code for a later card of the same major version
        ((9, 0), CUDA_12_6, True),
        ((12, 0), CUDA_12_6, False),
        ((12, 1), CUDA_13, True),
        ((13, 0), CUDA_13, True),  # translated
        ((13, 0), CUDA_13[:-1], False),
        ((8, 0), ["sm_70", "compute_70"], True),
        ((9, 0), ["sm_90a"], True),
        ((9, 1), ["sm_90a", "compute_90a"], False),
        ((10, 3), ["sm_100f"], True),
        ((12, 0), ["compute_100f"], False),
        ((9, 4), ["gfx942"], True),  # another maker's
    ],
)
def test_a_card_runs_code_for_it_or_for_an_older_one_of_its_kind(capability, built, runs):
    assert devices.runs_on(capability, built) is runs


def test_a_card_before_the_build_is_refused_with_the_build_that_serves_it(card):
    card("Tesla V100-SXM2-32GB", (7, 0), CUDA_13)
    with pytest.raises(InputError) as caught:
        devices.claim(1)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("Tesla V100-SXM2-32GB 0: compute capability 7.0; the installed torch")
    assert "sm_75" in line and "CUDA 13.0" in line and "for CUDA 12.6" in line
    card("Tesla V100-SXM2-32GB", (7, 0), CUDA_12_6)
    devices.claim(1)


def test_a_card_after_the_build_wants_a_newer_torch_and_a_very_old_one_none(card):
    card("RTX 5090", (12, 0), CUDA_12_6)
    with pytest.raises(InputError, match="Install a newer torch"):
        devices.claim()
    card("Tesla K80", (3, 7), CUDA_12_6)
    with pytest.raises(InputError, match=r"begin at 5\.0"):
        devices.claim()


def test_each_process_looks_at_its_own_card(card, monkeypatch):
    card("card", (9, 0), CUDA_13, count=2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda place=0: [(9, 0), (7, 0)][place])
    devices.claim(2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(InputError, match="card 1: compute capability 7.0"):
        devices.claim(2)


def test_a_job_of_the_cpu_hides_the_cards_and_asks_nothing(card):
    card("Tesla V100", (7, 0), CUDA_13)
    devices.claim(0)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_a_build_for_gpus_that_finds_none_is_no_job_on_the_cpu(card, caplog, monkeypatch):
    card("none", (0, 0), [], count=0)
    devices.claim()  # nothing was promised
    with pytest.raises(InputError, match=r"CUDA 13\.0.*update the driver.*CUDA 12\.6"):
        devices.claim(1)
    monkeypatch.setattr(torch.version, "cuda", None)
    devices.claim(1)
    assert "sees no GPU" in caplog.text


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_of_a_gpu_says_it_first(card, program, monkeypatch, capsys):
    card("Tesla V100", (7, 0), CUDA_13)
    main = runpy.run_path(str(ROOT / "workflow/scripts" / program))["main"]
    monkeypatch.setattr("recexplainer.typed.checked", lambda *_: None)
    values = {"--settings": "{}", "--systems": "[]", "--seed": "1"}
    needed = [action.option_strings[0] for action in arguments.parser(main, None)._actions if action.required]
    words = [word for name in needed for word in (name, values.get(name, "nowhere"))]
    monkeypatch.setattr(sys, "argv", [program, *words, "--gpus", "1"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(ROOT / "workflow/scripts" / program), run_name="__main__")
    error = capsys.readouterr().err
    assert left.value.code == 2 and error.startswith("error: Tesla V100 0: compute capability 7.0"), error
    assert error.count("\n") == 1


def test_every_job_with_gpus_tells_its_program_how_many():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.smk")))
    rules = [body for body in re.split(r"\n(?:use )?rule ", text) if "gpu=config" in body]
    assert len(rules) == 7 and all("--gpus {resources.gpu}" in body for body in rules)


def test_the_locked_build_begins_where_this_says():
    lock = (ROOT / "envs/torch-cuda.lock").read_text(encoding="utf-8")
    (major,) = re.findall(r"^nvidia-cuda-runtime==(\d+)\.", lock, re.MULTILINE)
    assert devices.FIRST_CAPABILITY[int(major)] == (7, 5)
