"""Secrets drawn at random in the shapes that providers publish, planted in the six contexts they leak in."""

import base64
import json
import random
import re
import string
from collections.abc import Iterator
from typing import NamedTuple

ALPHABETS = {
    "W": string.ascii_letters + string.digits,
    "D": string.ascii_letters + string.digits + "_-",
    "B": string.ascii_letters + string.digits + "+/",
    "L": string.ascii_letters,
    "l": string.ascii_lowercase,
    "z": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + string.digits,
    "A": string.ascii_uppercase + "234567",
    "H": string.digits + "abcdef",
    "C": "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
    "N": string.digits,
    "P": string.ascii_letters + string.digits + "!#%*+.^_~-",
}

# Provider: shape; `{W36}` is 36 drawn from alphabet W. `|` is left out: it keeps scanners calm.
MARKED = {
    "aws-access-key": "AK|IA{A16}",
    "aws-session-key": "AS|IA{A16}",
    "gcp-api-key": "AI|zaSy{D33}",
    "gcp-oauth": "ya|29.a0{D120}",
    "gcp-client-secret": "GOC|SPX-{D28}",
    "azure-client": "{W3}8Q|~{D34}",
    "azure-storage": "{B86}==",
    "github-pat": "gh|p_{W36}",
    "github-oauth": "gh|o_{W36}",
    "github-server": "gh|s_{W36}",
    "github-fine": "github|_pat_{W22}_{W59}",
    "gitlab-pat": "gl|pat-{D20}",
    "gitlab-deploy": "gl|dt-{D20}",
    "gitlab-runner": "gl|rt-{D20}",
    "npm": "np|m_{W36}",
    "pypi": "py|pi-AgEIcHlwaS5vcmc{D150}",
    "rubygems": "ruby|gems_{H48}",
    "docker": "dckr|_pat_{D27}",
    "huggingface": "h|f_{L34}",
    "openai": "s|k-proj-{D74}T3BlbkFJ{D74}",
    "openai-old": "s|k-{W20}T3BlbkFJ{W20}",
    "anthropic": "s|k-ant-api03-{D93}AA",
    "openrouter": "s|k-or-v1-{H64}",
    "groq": "gs|k_{W52}",
    "xai": "xa|i-{W80}",
    "replicate": "r|8_{W37}",
    "perplexity": "pp|lx-{W48}",
    "slack-bot": "xo|xb-{N12}-{N12}-{W24}",
    "slack-user": "xo|xp-{N12}-{N12}-{N12}-{H32}",
    "slack-app": "xa|pp-1-{U11}-{N13}-{H64}",
    "stripe": "s|k_live_{W24}",
    "stripe-restricted": "r|k_live_{W99}",
    "stripe-webhook": "wh|sec_{W32}",
    "square": "sq|0atp-{D22}",
    "square-secret": "sq|0csp-{D43}",
    "twilio": "S|K{H32}",
    "sendgrid": "S|G.{D22}.{D43}",
    "mailgun": "ke|y-{H32}",
    "mailchimp": "{H32}-u|s12",
    "brevo": "xkey|sib-{H64}-{W16}",
    "digitalocean": "do|p_v1_{H64}",
    "shopify": "shp|at_{H32}",
    "shopify-app": "shp|ss_{H32}",
    "telegram": "{N10}:A|A{D33}",
    "discord-bot": "M{W23}.{D6}.{D38}",
    "databricks": "da|pi{H32}",
    "vault": "hv|s.{D90}",
    "terraform": "{W14}.atl|asv1.{D67}",
    "linear": "lin|_api_{W40}",
    "notion": "nt|n_{N11}{W35}",
    "notion-old": "sec|ret_{W43}",
    "sentry": "sntr|yu_{H64}",
    "newrelic": "NRA|K-{U27}",
    "grafana": "gls|a_{W32}_{H8}",
    "doppler": "dp|.pt.{W43}",
    "dropbox": "s|l.{D130}",
    "atlassian": "ATA|TT3xFfGF0{D170}={U8}",
    "bitbucket": "AT|BB{W32}",
    "postman": "PM|AK-{H24}-{H34}",
    "airtable": "pa|t{W14}.{H64}",
    "dynatrace": "dt|0c01.{U24}.{U64}",
    "hubspot": "pa|t-na1-{H8}-{H4}-{H4}-{H4}-{H12}",
    "pulumi": "pu|l-{H40}",
    "supabase": "sb|p_{H40}",
    "tailscale": "ts|key-auth-{W12}-{W32}",
    "planetscale": "psc|ale_pw_{W43}",
    "figma": "fi|gd_{D40}",
    "age": "AGE-SECRET|-KEY-1{U58}",
    "1password": "A|3-{U6}-{U11}-{U5}-{U5}-{U5}",
    "alibaba": "LT|AI{W20}",
    "jwt": "{jwt}",
    "slack-webhook": "https://hooks.slack|.com/services/T{U8}/B{U10}/{W24}",
    "discord-webhook": "https://discord|.com/api/webhooks/{N18}/{D68}",
}  # fmt: skip

# Nothing in the secret tells what it is: only its name, or that it is drawn at random, does.
UNMARKED = {
    "aws-secret": "{B40}",
    "algolia": "{H32}",
    "datadog": "{H32}",
    "datadog-app": "{H40}",
    "heroku": "{H8}-{H4}-{H4}-{H4}-{H12}",
    "cloudflare": "{D40}",
    "confluent": "{B64}",
    "coinbase": "{D64}",
    "contentful": "{D43}",
    "mapquest": "{W32}",
    "okta": "00{D40}",
    "zendesk": "{W40}",
    "trello": "{z32}",
    "travis": "{W22}",
    "fastly": "{D32}",
    "etsy": "{z24}",
    "finnhub": "{z20}",
    "kraken": "{B86}==",
    "looker": "{z24}",
    "bittrex": "{H32}",
    "openweather": "{H32}",
    "password-short": "{l4}{N3}{P5}",
    "password-long": "{W6}{P12}{W2}",
}

WORDS = ("api_key", "token", "secret", "access_token", "client_secret", "auth_token", "secret_key")

ASSIGNMENT = ('{PROVIDER}_{WORD} = "{secret}"', "export {PROVIDER}_{WORD}={secret}", "{word}: {secret}",
              "const {camel} = '{secret}';", "{provider}.{word}={secret}")  # fmt: skip
PROSE = ("I used the {provider} {words} {secret} and it was refused.", "the {words} is {secret}, please rotate it",
         "Set the {words} to `{secret}` before you start", "login works with {words} '{secret}' on staging")  # fmt: skip
BARE_PROSE = ("I used {secret} and it was refused.", "do not commit {secret}, please rotate it", "we saw {secret}")
URL = ("https://api.{provider}.com/v1/items?{word}={secret}&page=2", "GET https://{provider}.io/x?q=1&{word}={secret}",
       "https://deploy:{secret}@git.{provider}.com/team/repo.git")  # fmt: skip
CALL = ('curl -H "Authorization: Bearer {secret}" https://api.{provider}.com', "{provider} login --{dashed} {secret}",
        "{provider} deploy --{dashed}={secret} --force", "{PROVIDER}_{WORD}={secret} make release",
        "curl -u deploy:{secret} https://api.{provider}.com/v2")  # fmt: skip
LOG = ("2026-03-01 12:00:01,123 ERROR {provider}: request failed {word}={secret} status=401",
       "ValueError: invalid {words}: '{secret}'", "DEBUG headers={{'Authorization': 'Bearer {secret}', 'Accept': '*/*'}}",
       '  File "client.py", line 42, in connect\n    connect({word}="{secret}")\nAuthError: 401')  # fmt: skip


class Planted(NamedTuple):
    shape: str
    context: str
    text: str
    secret: str


def draw(shape: str, rng: random.Random) -> str:
    if shape == "{jwt}":
        return _jwt(rng)
    return re.sub(
        r"\{(\w)(\d+)\}", lambda m: "".join(rng.choices(ALPHABETS[m[1]], k=int(m[2]))), shape.replace("|", "")
    )


def _jwt(rng: random.Random) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": str(rng.getrandbits(40)), "iat": 1_500_000_000})
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.{draw('{D43}', rng)}"


def planted(seed: int, rounds: int = 1) -> Iterator[Planted]:
    """Every shape in every context, `rounds` times."""
    rng = random.Random(seed)
    for _ in range(rounds):
        for shape, template in (MARKED | UNMARKED).items():
            for context in ("assignment", "prose", "url", "json", "shell", "log"):
                secret = draw(template, rng)
                yield Planted(shape, context, _plant(context, shape, secret, rng), secret)


def _plant(context: str, shape: str, secret: str, rng: random.Random) -> str:
    word = rng.choice(("password", "passwd") if shape.startswith("password") else WORDS)
    provider = shape.partition("-")[0]
    names = {
        "secret": secret, "provider": provider, "PROVIDER": provider.upper(),
        "word": word, "WORD": word.upper(), "words": word.replace("_", " "), "dashed": word.replace("_", "-"),
        "camel": re.sub(r"_(\w)", lambda m: m[1].upper(), word),
    }  # fmt: skip
    if context == "json":
        return json.dumps(
            {"name": names["provider"], "settings": {word: secret, "retries": 3}}, indent=rng.choice((None, 2))
        )
    if secret.startswith("https://"):
        return rng.choice(BARE_PROSE).format(**names)
    prose = BARE_PROSE if shape in MARKED and rng.random() < 0.5 else PROSE
    choices = {"assignment": ASSIGNMENT, "prose": prose, "url": URL, "shell": CALL, "log": LOG}[context]
    return rng.choice(choices).format(**names)


def private_key(rng: random.Random, label: str = "RSA ") -> str:
    body = "\n".join(draw("{B64}", rng) for _ in range(12))
    return f"-----BEGIN {label}PRIVATE KEY-----\n{body}\n-----END {label}PRIVATE KEY-----"


CLEAN = (
    "{H40} fix(parser): keep the last line", "commit {H40}\nAuthor: A <a@b.org>", "index {H7}..{H7} 100644",
    "request {H8}-{H4}-4{H3}-a{H3}-{H12} took 12 ms", "trace_id={H32} span_id={H16}",
    "/home/ci/.cache/pip/wheels/{H2}/{H2}/{H60}/x.whl", '  File "/usr/lib/python3.11/site-packages/x.py", line {N3}, in f',
    '    "integrity": "sha512-{B86}==",', "    --hash=sha256:{H64}", "image: repo/app@sha256:{H64}",
    "golang.org/x/text v0.3.{N1} h1:{B43}=", "01J{C23} session opened", "2026-{N2}-{N2}T12:00:00.{N6}Z started",
    "def get_access_token(self, token: str) -> Token:", 'password = os.environ["DB_PASSWORD"]', "token = get_token()",
    "password=<your password>", "api_key: ${{API_KEY}}", "TOKEN=$(cat /run/secrets/token)", "secret: {{{{ vault.secret }}}}",
    'raise ValueError("password must be at least 8 characters")', "max_tokens=4096 temperature=0.2", "token_type: bearer",
    "password: str = Field(min_length=8)", "api_key = settings.API_KEY", "const token = await getToken(user.id);",
    "tests/test_auth.py::test_token_refresh[param{N2}-utf8] PASSED", ".Button_primary__{W5} {{ color: red }}",
    "SHA256:{B43} user@host (ED25519)", "KeyError: 'primary_key'", "Unexpected token '}}' at line {N2}", "PASS: test_login_{N1}",
    "cache key: node-18-deps-{H16}", "GET /api/v2/users/{N6}/tokens 200 {N2}ms", "Failed password for root from 10.0.0.{N2}",
    "blk_{N18} replicated to 10.251.{N2}.{N2}:50010", "libssl1.1_1.1.1f-1ubuntu2.{N2}_amd64.deb", "x86_64-unknown-linux-gnu-{N2}",
    "container {H12} exited ({N1})", 'etag: "{H32}"', "password: ********", "Authorization: Bearer <token>",
    "https://user:password@example.com/x", "git clone https://github.com/org/repo.git@{H40}", "AWS_SECRET_ACCESS_KEY=",
    "AKIAIOSFODNN7|EXAMPLE", "key: id, value: name", "monkeypatch.setenv('API_KEY', 'test')", "secretName: my-app-tls",
    "error TS2345: Argument of type 'AccessTokenResponse' is not assignable", "{H64}  dist/app-1.{N1}.{N1}.tar.gz",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{B43} ci@host", "passwordResetTokenExpiresAt: 2026-01-{N2}T00:00:00Z",
    "pip install torch==2.1.{N1}+cu118", "chunk-vendors.{H8}.js 1.2 MB", "0x{H16} in __libc_start_main", "sid=S-1-5-21-{N9}",
)  # fmt: skip


def clean(seed: int, rounds: int = 1) -> Iterator[str]:
    """Lines as logs, lockfiles and code have them, with nothing secret in them."""
    rng = random.Random(seed)
    for _ in range(rounds):
        for template in CLEAN:
            yield draw(template, rng).replace("{{", "{").replace("}}", "}")
