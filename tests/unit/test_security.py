"""What the project never does: pickles, code out of data, shells, unchecked archives, open doors.

A scan of the syntax trees says that nothing of the kind is called; the rest tries it with hostile files.
"""

import ast
import base64
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import requests
import yaml
from requests.adapters import BaseAdapter

from recexplainer.config.service import Service
from recexplainer.config.source import Source
from recexplainer.data import download as downloads
from recexplainer.errors import InputError
from recexplainer.files import write_json
from recexplainer.secrets import clean_address, clean_url, has_login, looks_like_key, redact, without_secrets
from recexplainer.service.connection import api_key
from recexplainer.service.settings import conflicts
from recexplainer.typed import checked
from recexplainer.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("workflow/**/*.py"), *ROOT.glob("benchmarks/**/*.py")])
RULES = [ROOT / "Snakefile", *sorted(ROOT.glob("rules/*.smk"))]
FORBIDDEN_MODULES = {
    *("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"),
    *("tarfile", "zipfile", "telnetlib", "ftplib", "socketserver", "http.server", "xmlrpc", "code", "codeop"),
}
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__"}
# The last part of a dotted call: torch.load, pd.read_pickle, yaml.unsafe_load, os.system ...
FORBIDDEN_CALLS = {
    *("torch.load", "torch.save", "np.load", "numpy.load", "np.save", "np.savez", "pd.read_pickle", "pd.eval"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"),
    *("os.system", "os.popen", "shutil.unpack_archive", "tempfile.mktemp", "ssl._create_unverified_context"),
}
FORBIDDEN_METHODS = {"to_pickle", "read_pickle", "extractall", "render_template_string"}
# What must not be said, and what must: no shell, checked certificates, no code of a model's maker.
FORBIDDEN_ARGUMENTS = {
    *(("shell", True), ("verify", False), ("trust_remote_code", True), ("weights_only", False)),
    *(("allow_pickle", True), ("autoescape", False)),
}


# They copy members of an archive, one by one, to places of their own choice, and call no function that unpacks.
REVIEWED = {
    "src/recexplainer/data/archive.py": ["tarfile", "zipfile"],
    "src/recexplainer/publishing/archive.py": ["zipfile"],
}


def problems(source: str) -> list[str]:
    """Return what a Python source does that it must not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and ast.unparse(node) != "from pickle import UnpicklingError":
            names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            found += sorted(names & (FORBIDDEN_MODULES | FORBIDDEN_CALLS))
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in FORBIDDEN_CALLS:
            found.append(ast.unparse(node))
        elif isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_METHODS:
            found.append(node.attr)
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            found.append(node.id)
        elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            found += [f"{node.arg}={node.value.value}"] * ((node.arg, node.value.value) in FORBIDDEN_ARGUMENTS)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Environment":
            found += [] if any(keyword.arg == "autoescape" for keyword in node.keywords) else ["no autoescape"]
        elif isinstance(node, ast.Constant) and node.value == "0.0.0.0":
            found.append("0.0.0.0")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_calls_what_is_dangerous(path):
    assert problems(path.read_text(encoding="utf-8")) == REVIEWED.get(path.relative_to(ROOT).as_posix(), [])


@pytest.mark.parametrize(
    "source",
    [
        *("import pickle", "from pickle import loads", "from torch import load", "import torch\ntorch.load('x')"),
        *("f = np.load", "frame.to_pickle('x')", "eval('1')", "y = exec", "yaml.load(x)", "os.system('ls')"),
        *("subprocess.run('ls', shell=True)", "requests.get(u, verify=False)", "tarfile = 1\nx.extractall('/')"),
        *(
            "from http.server import HTTPServer",
            "import zipfile",
            "AutoModel.from_pretrained(x, trust_remote_code=True)",
        ),
        *("jinja2.Environment()", "server.bind(('0.0.0.0', 1))", "load(f, allow_pickle=True)"),
    ],
)
def test_the_scan_sees_it(source):
    assert problems(source)


def test_the_scan_lets_through_what_is_safe():
    assert (
        problems("model.eval()\nre.compile('x')\nyaml.safe_load(x)\nnp.loadtxt(x)\nEnvironment(autoescape=True)") == []
    )


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_runs_python_or_reads_a_key(path):
    """Rules call programs; params are stored by Snakemake, so that no secret may pass through them."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s*(run|script|notebook):", text, re.MULTILINE)
    assert not re.search(r"\b(pickle|eval|exec|environ\.get|getenv|envvars)\b", text)


def quoted_or_plain(placeholder: str) -> bool:
    """Say whether a placeholder of a shell command is quoted, or a number or a checked name."""
    return placeholder.endswith(":q") or placeholder in PLAIN


# Numbers, words of the rules' own, and names that a pattern holds to letters, digits and a few signs.
PLAIN = {
    "resources.gpu",
    *("threads", "params.seed", "params.launcher", "params.threads_each", "params.ablation", "params.systems"),
    "params.controls",
    "params.shard",
    *("params.datasets", "wildcards.dataset", "wildcards.file", "wildcards.service", "wildcards.system"),
    *("wildcards.table", "wildcards.trial"),
}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_what_comes_from_the_config_is_quoted_in_shells(path):
    text = path.read_text(encoding="utf-8")
    shells = re.findall(r"^    shell:\n((?: {8,}.*\n?)+)", text, re.MULTILINE)
    for placeholder in re.findall(r"(?<!\{)\{([\w.:\[\]]+)\}", "".join(shells)):
        assert quoted_or_plain(placeholder), placeholder


@pytest.mark.parametrize("name", ["a b", "$(id)", "a;b", "../a", "a'b", "`id`", "-rf", ""])
def test_names_that_reach_a_shell_unquoted_are_held_to_letters(name):
    schema = yaml.safe_load((ROOT / "config/schema.yaml").read_text(encoding="utf-8"))["properties"]
    patterns = [schema[key]["propertyNames"]["pattern"] for key in ("datasets", "services")]
    assert not any(re.search(pattern, name) for pattern in patterns)


class Armed:
    """Unpickling it makes a file."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


def model_folder(folder: Path) -> Path:
    """A folder as transformers saves it, but for the weights."""
    from transformers import LlamaConfig

    LlamaConfig(
        vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    ).save_pretrained(folder)
    write_json(folder / "base.json", {"folder": str(folder), "files": {}})
    return folder


def test_weights_that_hold_code_are_refused_and_not_run(tmp_path):
    """The one place where a pickle may come in: some models have no other files. torch takes nothing but tensors."""
    import torch

    from recexplainer.llm.base import load_model

    folder = model_folder(tmp_path / "model")
    torch.save({"model.embed_tokens.weight": Armed(tmp_path / "run")}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"model: its weights cannot be read.*safetensors"):
        load_model(str(folder / "base.json"))
    assert not (tmp_path / "run").exists()
    with open(folder / "pytorch_model.bin", "wb") as handle:
        pickle.dump(Armed(tmp_path / "run"), handle)
    with pytest.raises(InputError, match="cannot be read"):
        load_model(str(folder / "base.json"))
    assert not (tmp_path / "run").exists()
    with open(folder / "pytorch_model.bin", "rb") as handle:  # it is armed
        pickle.load(handle)
    assert (tmp_path / "run").exists()


def test_code_that_comes_with_a_model_is_not_run(tmp_path):
    from recexplainer.llm.base import load_model, load_tokenizer

    folder = model_folder(tmp_path / "model")
    classes = ("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer")
    config = json.loads((folder / "config.json").read_text()) | {
        "model_type": "never-heard-of",
        "auto_map": {name: "evil.Evil" for name in classes},
    }
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}})
    (folder / "evil.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'run')!r})\n")
    for load in (load_model, load_tokenizer):
        with pytest.raises((InputError, ValueError, OSError, KeyError)):
            load(str(folder / "base.json"))
    assert not (tmp_path / "run").exists()


def test_what_is_taken_from_the_hub_holds_no_code():
    from fnmatch import fnmatch

    from recexplainer.llm.base import HUB_PATTERNS

    for name in ("modeling_evil.py", "run.sh", "weights.pkl", "model.pt", "library.so", "archive.zip", "setup.cfg"):
        assert not any(fnmatch(name, pattern) for pattern in HUB_PATTERNS), name


@pytest.mark.parametrize("text", ["!!python/object/apply:os.mkdir ['{run}']", "!!python/name:os.system ''"])
def test_yaml_makes_no_objects(tmp_path, text):
    path = tmp_path / "prompts.yaml"
    path.write_text("a: " + text.replace("{run}", str(tmp_path / "run")))
    with pytest.raises(InputError, match=r"prompts\.yaml"):
        read_yaml(path, "remedy")
    assert not (tmp_path / "run").exists()


# Secrets

SECRET = "sk-Planted/7h3+vAlU3=n0b0dy"


@pytest.fixture
def planted(monkeypatch):
    monkeypatch.setenv("PLANTED_API_KEY", SECRET)
    return SECRET


@pytest.mark.parametrize(
    "written",
    [
        lambda key: key,
        lambda key: json.dumps({"said": f"your key {key}"}),
        lambda key: json.dumps(key).replace("/", "\\/"),
        lambda key: f"http://x/?q={quote(key)}",
        lambda key: f"http://x/?q={quote(key, safe='')}",
        lambda key: f"http://x/?q={quote_plus(key)}",
        lambda key: repr({"a": key}),
        lambda key: base64.b64encode(key.encode()).decode(),
        lambda key: base64.b64encode(f"me:{key}".encode()).decode(),
        lambda key: base64.b64encode(f"Bearer {key}, and more".encode()).decode(),
        lambda key: base64.urlsafe_b64encode(f"x{key}".encode()).decode(),
    ],
)
def test_a_secret_of_the_environment_is_redacted_in_every_form(planted, written):
    text = f"before {written(planted)} after"
    shown = redact(text)
    assert shown.startswith("before ") and shown.endswith(" after") and "<key>" in shown
    core = base64.b64encode(planted.encode()).decode()[8:24]
    assert planted not in shown and quote(planted, safe="") not in shown and core not in shown


@pytest.mark.parametrize(
    "text",
    [
        "Bearer abcdef0123456789",
        "sk-proj-0123456789abcdefghij",
        "gsk_0123456789abcdefghij",
        "hf_0123456789abcdefghijkl",
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",
        "https://me:pa55word@host/v1",
        "https://host/v1?api_key=0123456789",
    ],
)
def test_what_looks_like_a_key_is_redacted_too(text):
    assert "<key>" in redact(text) and "0123456789" not in redact(text) and "pa55word" not in redact(text)


def test_ordinary_texts_are_left_as_they_are(planted, monkeypatch):
    monkeypatch.setenv("OTHER_API_KEY", "none")
    monkeypatch.setenv("ANOTHER_PASSWORD", "racinggames")
    for text in (
        "none of it",
        "task-force and risk-free racinggames",
        "https://host/v1?api-version=2",
        "Bearer of news",
    ):
        assert redact(text) == text


def test_logs_errors_and_tracebacks_of_programs_pass_the_redaction(tmp_path, planted):
    for line in (
        "logging.getLogger('x').info('the key is %s', key)",
        "raise InputError(f'the key is {key}')",
        "raise KeyError(f'the key is {key}')",
        "raise OSError(28, 'No space', f'/{key}')",
    ):
        program = tmp_path / "program.py"
        program.write_text(
            "import logging, os\nfrom recexplainer import cli\nfrom recexplainer.errors import InputError\n"
            f"def main():\n    key = os.environ['PLANTED_API_KEY']\n    {line}\ncli.run(main, 'x')\n"
        )
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True)
        assert "<key>" in done.stderr and planted not in done.stdout + done.stderr, done.stderr


# Downloads


def test_the_configured_addresses_are_https():
    def addresses(value):
        if isinstance(value, dict):
            return [found for inner in value.values() for found in addresses(inner)]
        if isinstance(value, list):
            return [found for inner in value for found in addresses(inner)]
        return [value] if isinstance(value, str) and "://" in value else []

    for path in (ROOT / "config").glob("*.yaml"):
        found = addresses(yaml.safe_load(path.read_text(encoding="utf-8")))
        if path.name != "schema.yaml":
            assert all(address.startswith("https://") for address in found), path
        assert found or path.name != "config.yaml"


class Redirecting(BaseAdapter):
    """A secure server that sends everyone on."""

    def __init__(self, target: str):
        super().__init__()
        self.target = target

    def send(self, request, **options):
        response = requests.Response()
        response.status_code, response.url, response.request = 302, request.url, request
        response.headers["Location"] = self.target
        response.raw = type("Raw", (), {"release_conn": lambda self: None, "read": lambda self, *a, **k: b""})()
        response._content = b""
        return response

    def close(self):
        pass


def test_https_is_not_given_up_by_a_redirect(tmp_path):
    """Whoever sits on the way could put in other data after it."""
    for target, reason in (("http://127.0.0.1:9/file.gz", "only https"), ("https://127.0.0.1/moved", "redirects")):
        source = checked(Source, {"url": "https://example.org/file.gz"})
        session = downloads._session(source.url)
        session.mount("https://", Redirecting(target))
        with pytest.raises(downloads._Refused, match=reason):
            downloads._fetch(source, source.url, tmp_path / "file.gz", session, lambda pause: None)
    assert list(tmp_path.iterdir()) == []
    assert "http://" in downloads._session("http://example.org/file.gz").adapters


# Pages


@pytest.mark.parametrize("path", sorted(ROOT.glob("src/**/*.html")), ids=lambda path: path.name)
def test_every_page_has_a_policy_and_loads_nothing(path):
    text = path.read_text(encoding="utf-8")
    assert '<meta http-equiv="Content-Security-Policy"' in text
    head = text.partition("</head>")[0]
    policy, first = head.index("Content-Security-Policy"), re.search(r"<(style|script|link|img|title)", head).start()
    assert policy < first or "<title" in head[first:policy], "the policy comes before what it is to hold"
    assert not re.search(r"""(src|href|action)\s*=\s*["']?\s*(https?:)?//""", text)
    assert not re.search(r"@import|<iframe|<object|<embed|<base\b|\son\w+=", text)


@pytest.mark.parametrize("path", sorted(ROOT.glob("src/**/*.css")), ids=lambda path: path.name)
def test_no_style_loads_anything(path):
    assert not re.search(r"@import|url\(\s*[\"']?(?!data:|#)", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(ROOT.glob("src/**/*.js")), ids=lambda path: path.name)
def test_no_script_talks_to_anyone_or_makes_code_of_text(path):
    forbidden = r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|eval|Function)\s*\(|innerHTML"
    assert not re.search(forbidden + r"|outerHTML|document\.write|insertAdjacentHTML|\bimport\s*\(", path.read_text())


@pytest.mark.parametrize(
    "place",
    ["?api_key={}", "?a=1;api_key={}", "#access_token={}", ";token={}", "/api_key={}/chat", "?subscription-key={}"]
    + ["?code={}", "?x=y&sig={}", "?token={}", "?access_token={}", "?x-functions-key={}", "?app_key={}", "?jwt={}"]
    + ["?X-Amz-Signature={}", "?accessToken={}", "?authtoken={}", "?client%5Fsecret={}", "?appid={}", "?passwd={}"],
)
def test_a_key_stands_nowhere_in_a_url_that_is_shown(place):
    url = f"https://example.org/v1{place.format('abcdef12345678')}"
    assert has_login(url)
    assert "abcdef12345678" not in clean_url(url) and clean_url(url).startswith("https://example.org/v1")
    if not place.startswith("/"):
        assert "abcdef12345678" not in redact(f"POST {url} failed; see {url}, or <a href='{url}'>") and looks_like_key(
            url
        )


BARE = "mX4q9LzT2vKc8RbN5wYd7HsJ"


@pytest.mark.parametrize("place", ["/{}", "/{}/v1", "/v1/{}/chat?api-version=2024", "/k/user-{}", "/v1?{}", "/v1?x={}"])
@pytest.mark.parametrize("key", [BARE, "k3x9q2m7v5c8r4b6n1w0yd7h", "sk-proj-abcdefgh12345678"])
def test_a_bare_key_in_a_services_address_is_found_and_not_shown(place, key):
    url = f"https://example.org{place.format(key)}"
    service = {"base_url": url, "key_variable": None}
    assert has_login(url) and key not in clean_address(url) and clean_address(url).startswith("https://example.org/")
    (line,) = conflicts("mine", service)
    assert "with a user, a password or a key in it" in line and key not in line
    assert key not in str(without_secrets({"services": {"mine": service}}))
    with pytest.raises(InputError, match="a key in it") as raised:
        api_key(Service.model_construct(**service), "x")
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    "rest",
    ["/v1/chat/completions", "/openai/deployments/gpt-4o-mini-2024-07-18?api-version=2024-02-01", "/v1beta/openai/"]
    + [f"/models/{'0123456789abcdef' * 4}/v1", "/accounts/0af3c2d41b5e6978aabbccddeeff0011/ai/v1"]
    + ["/subscriptions/550e8400-e29b-41d4-a716-446655440000/v1", "/projects/p-1/endpoints/1234567890123456789"]
    + ["/MyCompanyDeployment2024Prod", "/OpenAIGPT4oMiniWestUS2Prod01", "/Meta-Llama-3.1-70B-Instruct-Turbo/v1"]
    + ["/models/vllm-k0g4c60zor9xuu/v1", "?code=de", "?code=12345678", "?session=new", "?sort_key=name&monkey=x"]
    + ["/gpt4omini20240718prodeastus2/v1", "/Mixtral8x7BInstructV01GPTQ4bit/v1", "?max_tokens=8", "?country_code=GB"],
)
def test_an_ordinary_address_is_no_secret(rest):
    url = f"https://example.org{rest}"
    assert not has_login(url) and not looks_like_key(url) and redact(url) == url == clean_address(url)
    assert list(conflicts("mine", {"base_url": url, "key_variable": None})) == []


@pytest.mark.parametrize("rest", ["", "/", "/v1", "?api-version=2024", "?a=1&b=&c=%20", ";v=1", "#part", "/a=b/c"])
def test_a_url_without_a_key_stays_as_it_is(rest):
    assert clean_url(f"https://example.org{rest}") == f"https://example.org{rest}"
