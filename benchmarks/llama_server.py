"""Explanations by a small chat LLM, against llama.cpp's server with the same weights in fp16.

Both get the tokens of the same prompts, all at once, and decode greedily; neither reuses what it
computed in another round. Answers differ where precisions do, so speeds are per token. The server is no part of this
project; llama-cpp-python's source package has llama.cpp, of which these targets are needed:

  cmake -S vendor/llama.cpp -B build -DLLAMA_OPENSSL=OFF && cmake --build build --target llama-server llama-quantize
  build/bin/llama-quantize --allow-requantize SmolLM2-135M-Instruct.Q4_1.gguf fp16.gguf F16

Run as: LLAMA_SERVER=build/bin/llama-server python benchmarks/llama_server.py --run results/pocket --gguf fp16.gguf
"""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from harness import ROOT, Cost, alternate, parser, record, run_benchmark

START = 120
"""Seconds that the server may take to load its model."""


def main(args) -> None:
    program = os.environ.get("LLAMA_SERVER")
    if not program:
        print("No LLAMA_SERVER is named; its row is left as it is.")
        return
    import torch

    from recexplainer.alignment.model import load_system
    from recexplainer.inference.generation import TextGenerator
    from recexplainer.llm.base import load_tokenizer

    torch.set_num_threads(args.threads)
    run = Path(args.run)
    tokenizer = load_tokenizer(str(run / "llm/base.json"), args.chat_template)
    prompts, tables = asked(run, args.dataset, tokenizer, args.cases)
    model = load_system(
        str(run / "llm/base.json"), tokenizer, None, tables, context=args.context, precision=args.precision
    )
    runner = TextGenerator(model, tokenizer, args.cases)
    counts: dict[str, list[int]] = {"ours": [], "peer": []}
    texts: dict[str, list[str]] = {}

    def ours() -> None:
        texts["ours"] = [found[0] for found in runner.generate(prompts, args.tokens)]
        # The token that ends an answer is written too.
        lengths = [len(ids) for ids in tokenizer(texts["ours"], add_special_tokens=False)["input_ids"]]
        counts["ours"].append(sum(min(length + 1, args.tokens) for length in lengths))

    with server(program, args) as (address, process):

        def peer() -> Cost:
            begun, before = time.perf_counter(), process.cpu_times()
            with ThreadPoolExecutor(len(prompts)) as pool:
                answers = list(pool.map(lambda prompt: complete(address, prompt, args.tokens), prompts))
            after = process.cpu_times()
            texts["peer"] = [answer["content"].strip() for answer in answers]
            counts["peer"].append(sum(answer["tokens_predicted"] for answer in answers))
            return Cost(time.perf_counter() - begun, sum(after[:2]) - sum(before[:2]))

        turns = alternate(ours, peer, args.rounds)
    cpu, wall = (
        [
            [count / getattr(cost, clock) for count, cost in zip(counts[side][1:], costs, strict=True)]
            for side, costs in (("ours", turns.ours), ("peer", turns.peer))
        ]
        for clock in ("cpu", "wall")
    )
    same = sum(a == b for a, b in zip(texts["ours"], texts["peer"], strict=True))
    record(
        f"explanations by SmolLM2-135M, {len(prompts)} prompts at a time, {args.precision}",
        "llama.cpp's server, the same weights in fp16",
        *wall,
        goal=1,
        unit="tokens/s",
        more_is_better=True,
        # Seconds, of which less is better, as everywhere in this column.
        cpu=tuple([1 / speed for speed in speeds] for speeds in cpu),
        note=f"{same} of {len(prompts)} answers identical; prompts of {sum(map(len, prompts)) // len(prompts)} and "
        f"answers of {counts['ours'][-1] // len(prompts)} tokens on average; {args.threads} thread(s) each",
        results=args.results,
    )


def asked(run: Path, dataset: str, tokenizer, count: int):
    """Return the prompts of the run's first cases as the base LLM reads them, and the recommender's tables."""
    import pandas as pd

    from recexplainer.explanation.cases import load_cases
    from recexplainer.explanation.questions import render
    from recexplainer.llm.encoding import ChatEncoder
    from recexplainer.prompts.explanation import load_explanation_prompts
    from recexplainer.recommender.contract import load_tables

    cases = load_cases(str(run / f"explanations/{dataset}/cases.parquet"))[:count]
    titles = list(pd.read_parquet(run / f"data/{dataset}/items.parquet", columns=["title"])["title"])
    question = load_explanation_prompts(str(ROOT / "config/prompts/explanation.yaml")).question
    messages = render(cases, [question] * len(cases), titles, "behavior")
    encoded = ChatEncoder(tokenizer, 10**6).encode(messages, prompt_only=True)
    return encoded, load_tables(str(run / f"export/{dataset}/embeddings.safetensors"))


@contextmanager
def server(program: str, args):
    """Run llama.cpp's server; yield its address and its process as psutil sees it."""
    import psutil

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--model", args.gguf, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--threads", str(args.threads), "--threads-batch", str(args.threads), "--parallel", str(args.cases)]
    command += ["--ctx-size", str(args.context * args.cases), "--batch-size", "2048", "--log-disable"]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(10 * START):
                if process.poll() is not None:
                    raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}.")
                try:
                    urllib.request.urlopen(f"{address}/health", timeout=5).close()
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.1)
            else:
                raise SystemExit(f"{' '.join(command)} is not up after {START} s.")
            yield address, psutil.Process(process.pid)
        finally:
            process.terminate()


def complete(address: str, prompt, tokens: int) -> dict:
    """Return the server's answer to the tokens of one prompt."""
    wanted = {"prompt": prompt.input_ids.tolist(), "n_predict": tokens, "temperature": 0, "cache_prompt": False}
    request = urllib.request.Request(
        f"{address}/completion", json.dumps(wanted).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=3600) as answer:
        return json.load(answer)


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--run", default="results/pocket", help="results of a pocket run (default here)")
    arguments.add_argument("--dataset", default="films", help="whose cases are asked about (default films)")
    arguments.add_argument("--gguf", default="fp16.gguf", help="the same weights for the server (default fp16.gguf)")
    arguments.add_argument("--chat-template", default=str(ROOT / "config/chat_templates/chatml.jinja"))
    arguments.add_argument("--cases", type=int, default=64, help="prompts at a time (default 64)")
    arguments.add_argument("--tokens", type=int, default=96, help="longest answer (default 96)")
    arguments.add_argument("--context", type=int, default=512, help="tokens of each prompt and answer (default 512)")
    arguments.add_argument("--precision", choices=["bf16", "fp32"], default="bf16", help="ours (default bf16)")
    run_benchmark(main, arguments)
