"""The usual ways with a language model, as anyone would write them with transformers: padding everywhere."""

import tempfile
import time

import numpy as np
import torch
from harness import Cost
from transformers import Trainer, TrainerCallback, TrainingArguments

from recexplainer.alignment.model import RecExplainer
from recexplainer.llm.encoding import Encoded


class WithEmbeddings(torch.nn.Module):
    """What a Trainer trains: the projected embeddings put in, then the LLM's own loss over all position_ids."""

    def __init__(self, model: RecExplainer):
        super().__init__()
        self.model = model

    def forward(self, input_ids, embedding_rows, attention_mask, labels, **kwargs) -> dict:
        vectors = self.model.embed(input_ids, embedding_rows)
        output = self.model.llm(inputs_embeds=vectors, attention_mask=attention_mask, labels=labels, **kwargs)
        return {"loss": output.loss}


class _Clock(TrainerCallback):
    """Take the time of the training without the Trainer's set-up."""

    def on_epoch_begin(self, *_, **__) -> None:
        self.begin = time.perf_counter(), time.process_time()

    def on_epoch_end(self, *_, **__) -> None:
        self.cost = Cost(time.perf_counter() - self.begin[0], time.process_time() - self.begin[1])


class PaddedTraining:
    """transformers' Trainer, one global batch at a time; AdamW's moments live on between them.

    Args:
        model: with its adapter.
        length: every sample is padded to this many tokens; None: to the longest of those taken at a time.
        each: samples taken at a time; gradients are accumulated over the global batch.
        lr: the learning rate, constant.
        gradient_clip: limit of the norm of all gradients.
    """

    def __init__(self, model: RecExplainer, length: int | None, each: int, lr: float, gradient_clip: float):
        self.model, self.length, self.each = WithEmbeddings(model), length, each
        self.gradient_clip = gradient_clip
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=lr, weight_decay=0.0)
        self.padded = 0
        """Tokens so far, padding included."""

    def step(self, samples: list[Encoded]) -> tuple[float, Cost]:
        """Train on one global batch; return its loss, a mean over its target tokens, and what it took."""
        arguments = TrainingArguments(
            output_dir=tempfile.gettempdir(),
            per_device_train_batch_size=self.each,
            gradient_accumulation_steps=-(-len(samples) // self.each),
            max_steps=1,
            max_grad_norm=self.gradient_clip,
            train_sampling_strategy="sequential",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
            bf16=next(self.model.parameters()).dtype == torch.bfloat16,
            dataloader_pin_memory=False,
            remove_unused_columns=False,
            disable_tqdm=True,
        )
        clock = _Clock()
        schedule = torch.optim.lr_scheduler.ConstantLR(self.optimizer, 1.0)
        optimizers = (self.optimizer, schedule)
        trainer = Trainer(
            self.model, arguments, self._collate, train_dataset=samples, optimizers=optimizers, callbacks=[clock]
        )
        trainer.train()
        return trainer.state.log_history[0]["loss"], clock.cost

    def _collate(self, samples: list[Encoded]) -> dict[str, torch.Tensor]:
        input_ids, embedding_rows, mask = padded(samples, self.length, left=False)
        labels = torch.full_like(input_ids, -100)
        for row, sample in enumerate(samples):
            labels[row, : len(sample)] = torch.from_numpy(np.where(sample.loss_mask, sample.input_ids, -100))
        self.padded += input_ids.numel()
        return {"input_ids": input_ids, "embedding_rows": embedding_rows, "attention_mask": mask, "labels": labels}


class FlattenedTraining(PaddedTraining):
    """The same without padding: samples stand end to end in one row, and position_ids that start anew part them."""

    def _collate(self, samples: list[Encoded]) -> dict[str, torch.Tensor | None]:
        input_ids, embedding_rows = (
            np.concatenate([getattr(one, name) for one in samples])[None] for name in ("input_ids", "embedding_rows")
        )
        position_ids = np.concatenate([np.arange(len(one)) for one in samples])[None]
        loss_mask = np.concatenate([one.loss_mask for one in samples])[None]
        self.padded += input_ids.size
        arrays = {"input_ids": input_ids, "embedding_rows": embedding_rows, "position_ids": position_ids}
        arrays["labels"] = np.where(loss_mask & (position_ids > 0), input_ids, -100)
        batch = {name: torch.from_numpy(array.astype(np.int64)) for name, array in arrays.items()}
        return batch | {"attention_mask": None, "use_cache": False}


def padded(samples: list[Encoded], length: int | None, left: bool) -> tuple[torch.Tensor, ...]:
    """Return token ids, embedding rows and attention mask ``(samples, length)``, padded to a length or the longest."""
    shape = len(samples), length or max(map(len, samples))
    input_ids, embedding_rows, mask = (np.zeros(shape, np.int64) for _ in range(3))
    for row, sample in enumerate(samples):
        at = slice(shape[1] - len(sample), None) if left else slice(len(sample))
        input_ids[row, at], embedding_rows[row, at], mask[row, at] = sample.input_ids, sample.embedding_rows, 1
    return tuple(torch.from_numpy(array) for array in (input_ids, embedding_rows, mask))


@torch.inference_mode()
def generate_padded(
    model: RecExplainer, tokenizer, prompts: list[Encoded], length: int, each: int, max_new_tokens: int, beams: int
) -> list[list[str]]:
    """Generate for ``each`` prompts at a time, padded to ``length``; return the texts of the beams per prompt."""
    results = []
    device = next(model.parameters()).device
    for start in range(0, len(prompts), each):
        input_ids, embedding_rows, mask = (
            value.to(device) for value in padded(prompts[start : start + each], length, left=True)
        )
        tokens = model.base[0].generate(
            inputs_embeds=model.embed(input_ids, embedding_rows),
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=beams,
            num_return_sequences=beams,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        texts = [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]
        results += [texts[place : place + beams] for place in range(0, len(texts), beams)]
    return results
