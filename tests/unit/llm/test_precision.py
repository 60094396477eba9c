"""What ``auto`` becomes: the precision that the device computes natively, and a GPU if there is one."""

import pytest
import torch

from recexplainer.llm import precision
from recexplainer.llm.precision import resolved
from recexplainer.settings import with_gpus

X86 = "processor\t: 0\nflags\t\t: fpu sse2 avx512f avx512_bf16 amx_bf16 amx_tile\nbugs\t\t: none\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd i8mm bf16\n"
VECTORS = "processor\t: 0\nflags\t\t: fpu sse2 avx512f avx512_bf16\n"
AMD = "processor\t: 0\nvendor_id\t: AuthenticAMD\n" + VECTORS
INTEL = "processor\t: 0\nvendor_id\t: GenuineIntel\n" + VECTORS
AMD_OF_OLD = "vendor_id\t: AuthenticAMD\nflags\t\t: fpu sse2 avx2\n"
OLD = "processor\t: 0\nflags\t\t: fpu sse2 avx2\nmodel name\t: avx512_bf16\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((X86, "bf16"), (ARM, "bf16"), (AMD, "bf16")),
        *((VECTORS, "fp32"), (INTEL, "fp32"), (AMD_OF_OLD, "fp32"), (OLD, "fp32"), ("", "fp32"), (None, "fp32")),
    ],
)
def test_a_processor_takes_bf16_where_it_has_it(text, expected, tmp_path, monkeypatch):
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "Path", lambda _: path)
    assert resolved("auto") == expected
    assert resolved("fp32") == "fp32" and resolved("bf16") == "bf16"


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16"), ((12, 0), "bf16")]
)
def test_a_gpu_takes_bf16_from_the_generation_that_has_it(capability, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert resolved("auto") == expected


@pytest.mark.parametrize(("found", "expected"), [([], 0), (["one"], 1), (["one", "two"], 1)])
def test_auto_takes_one_gpu_if_there_is_one(found, expected):
    config = {"alignment": {"gpus": "auto", "lr": 1}, "evaluation": {"gpus": "auto"}, "seed": 1}
    made = {"alignment": {"gpus": expected, "lr": 1}, "evaluation": {"gpus": expected}, "seed": 1}
    assert with_gpus(config, lambda: found) == made
    assert config["alignment"]["gpus"] == "auto"


def test_nobody_looks_for_gpus_where_their_number_is_given():
    config = {"alignment": {"gpus": 8}, "evaluation": {"gpus": 0}}
    assert with_gpus(config, lambda: pytest.fail("asked")) == config
