"""DeepSpeed under the training: starting it, and whole tensors in and out of whatever ZeRO stage holds them."""

import os
import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch

from recexplainer.config.alignment import Aligned

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MOMENTS = ("exp_avg", "exp_avg_sq")
"""AdamW's state of a parameter."""

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others. A process that died without a word then ends the rest as well."""


def start_engine(model: torch.nn.Module, config: dict[str, Any], settings: Aligned) -> Any:
    """Start DeepSpeed for the model's trainable parameters.

    Args:
        model: the model, whole, on the CPU. Under ZeRO-3 its parameters are cut up in place.
        config: the DeepSpeed configuration (``config/deepspeed/*.json``) without batch sizes and precision.
        settings: of them the learning rate, the weight decay, the clip of the gradients and the precision.
    """
    # Without a launcher this process is the only one. It listens on a port that the system chooses as it opens it; one
    # that is looked for before may be another program's by then.
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    for name, value in alone.items():
        os.environ.setdefault(name, value)
    import deepspeed

    # DeepSpeed calls functions of PyTorch that have got new names; a line per call would bury the log.
    warnings.filterwarnings("ignore", r"`torch\.distributed\.\w+` is deprecated", FutureWarning)
    if not torch.cuda.is_available():
        # The shared-memory collectives need a compiler at run time and gain nothing here.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    # Accumulation is steered by hand, as the number of packed rows differs from step to step.
    config = config | {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": settings.gradient_clip,
        "fp16": {"enabled": settings.precision == "fp16"},
        "bf16": {"enabled": settings.precision == "bf16"},
        "zero_allow_untested_optimizer": True,
        # With offload, DeepSpeed asks for its own AdamW, which needs a compiler at run time. PyTorch's does the same.
        "zero_force_ds_cpu_optimizer": False,
    }
    deepspeed.init_distributed(timeout=PATIENCE)
    if config["zero_optimization"]["stage"] == 3:
        _partition(model, config, PRECISIONS[settings.precision])
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
    engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=config)
    return engine


def leave() -> None:
    """Leave the other processes, once the work is done.

    The threads that talk with them end here. Left to the end of the interpreter, they often abort the process, and the
    launcher then takes a finished training for a failed one.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _partition(model: torch.nn.Module, config: dict[str, Any], precision: torch.dtype) -> None:
    """Cut the parameters up among the processes, one after the other: no device ever holds the whole model."""
    import deepspeed

    for parameter in model.parameters():
        parameter.data = parameter.data.to(precision)
    deepspeed.zero.Init(module=model, config_dict_or_path=config)
    # Buffers are small and stay whole; DeepSpeed leaves them where they are.
    device = torch.device(deepspeed.accelerator.get_accelerator().current_device_name())
    for module in model.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = buffer.to(device)


def trained_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Return the trained parameters by name; under ZeRO-3 they are pieces."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def number_of_parameters(parameters: Any) -> int:
    """Return how many numbers some parameters hold, over all processes."""
    return sum(getattr(parameter, "ds_numel", parameter.numel()) for parameter in parameters)


def full_parameters(engine: Any) -> dict[str, torch.Tensor]:
    """Return the trained parameters, whole and in fp32, by name. Every process takes part, the first one gets them."""
    from deepspeed.utils import safe_get_full_fp32_param

    return _gathered(engine, safe_get_full_fp32_param)


def full_moments(engine: Any, moment: str) -> dict[str, torch.Tensor]:
    """Return one of AdamW's moments, likewise."""
    from deepspeed.utils import safe_get_full_optimizer_state

    return _gathered(engine, lambda parameter: safe_get_full_optimizer_state(parameter, moment))


def _gathered(engine: Any, gather: Callable[[torch.nn.Parameter], torch.Tensor]) -> dict[str, torch.Tensor]:
    tensors = {}
    for name, parameter in trained_parameters(engine.module).items():
        tensor = gather(parameter)
        if engine.global_rank == 0:
            # A copy: with one process it may be the optimizer's own memory.
            tensors[name] = tensor.detach().to("cpu", copy=True)
    return tensors


def progress(engine: Any) -> dict[str, Any]:
    """Return what else the optimizer goes by: its steps (fp16 skips some), and the scale of the loss under fp16."""
    states = engine.optimizer.optimizer.state.values()
    values: dict[str, Any] = {"steps": next((int(state["step"]) for state in states if "step" in state), 0)}
    scaler = getattr(engine.optimizer, "loss_scaler", None)
    if scaler is not None and scaler.dynamic:
        values["scaler"] = {name: getattr(scaler, name) for name in SCALER}
    return values


SCALER = ("cur_scale", "cur_iter", "last_overflow_iter", "cur_hysteresis")
"""The changing attributes of DeepSpeed's dynamic loss scaler."""


def restore(engine: Any, tensors: dict[str, torch.Tensor], progress: dict[str, Any]) -> None:
    """Give the optimizer what :func:`full_parameters`, :func:`full_moments` and :func:`progress` returned.

    It does not matter under which stage or with how many processes that was. The model's own parameters are not
    touched: they were loaded before the engine was started.

    Args:
        engine: the engine, before its first step.
        tensors: by ``parameter/{name}`` and ``{moment}/{name}``, whole.
        progress: the rest.
    """
    optimizer = engine.optimizer
    # AdamW makes its state at its first step; here there must be something to restore into.
    for flat in _master_weights(optimizer):
        optimizer.optimizer.state[flat] = {
            "step": torch.tensor(float(progress["steps"])),
            "exp_avg": torch.zeros_like(flat),
            "exp_avg_sq": torch.zeros_like(flat),
        }
    if hasattr(optimizer, "_lazy_init_hp_params_optimizer_state"):
        optimizer._lazy_init_hp_params_optimizer_state()
    for name, parameter in trained_parameters(engine.module).items():
        _set_full(parameter, tensors[f"parameter/{name}"])
        for moment in MOMENTS:
            _set_full(parameter, tensors[f"{moment}/{name}"], moment)
    for name, value in progress.get("scaler", {}).items():
        setattr(optimizer.loss_scaler, name, value)


def _master_weights(optimizer: Any) -> list[torch.Tensor]:
    """The flat fp32 tensors that AdamW really works on."""
    if hasattr(optimizer, "fp32_partitioned_groups_flat"):
        return list(optimizer.fp32_partitioned_groups_flat)
    return [flat for group in optimizer.optimizer.param_groups for flat in group["params"]]


def _set_full(parameter: torch.nn.Parameter, value: torch.Tensor, moment: str | None = None) -> None:
    """Set the fp32 weights of a parameter, or one of its moments, from the whole tensor."""
    from deepspeed.utils import (
        safe_set_full_fp32_param,
        safe_set_full_optimizer_state,
        safe_set_local_fp32_param,
        safe_set_local_optimizer_state,
    )

    partitioned = hasattr(parameter, "ds_id")
    if partitioned:
        # The last piece is padded; DeepSpeed's own function for whole tensors stumbles over that.
        size = parameter.ds_tensor.numel()
        rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
        value = torch.nn.functional.pad(value.flatten(), (0, size * world - value.numel()))
        value = value.narrow(0, size * rank, size)
    if moment is None:
        (safe_set_local_fp32_param if partitioned else safe_set_full_fp32_param)(parameter, value)
    else:
        (safe_set_local_optimizer_state if partitioned else safe_set_full_optimizer_state)(parameter, value, moment)
