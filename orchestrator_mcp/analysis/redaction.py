"""Where in a text a secret stands, and the same text without it (best effort)."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

_MARKER = re.compile(r"(\[REDACTED:[a-z0-9-]{1,40}:[0-9a-f]{8}\])")
_PASSES = 6  # hiding one secret can bare the next; hostile text that never settles is hidden whole


def redact(text: str, key: bytes) -> str:
    """The text with each secret replaced by `[REDACTED:kind:tag]`; doing it twice changes nothing.

    The tag is the first 8 hex digits of HMAC-SHA256(key, secret): the same secret keeps its tag, so that repeated
    errors still group, and without the key a short secret cannot be guessed from its tag.
    """
    for _ in range(_PASSES):
        parts = _MARKER.split(text)
        hidden = "".join(part if at % 2 else _hide(part, key) for at, part in enumerate(parts))
        if hidden == text:
            return text
        text = hidden
    return _mark("unsettled", text, key)


def redact_json(value: Any, key: bytes) -> Any:
    """A new JSON value without its secrets; a field's name counts as much as in `name=value` text."""
    return _redact_field("", value, key)


def _redact_field(name: str, value: Any, key: bytes) -> Any:
    match value:
        case str():
            return _redact_named(name, value, key)
        case list():
            return [_redact_field(name, item, key) for item in value]
        case dict():
            return {redact(field, key): _redact_field(_name_of(field, name, value), item, key)
                    for field, item in value.items()}  # fmt: skip
        case _:
            return value


def _name_of(field: str, outer: str, siblings: dict[str, Any]) -> str:
    """`{"password": {"value": …}}` and `{"name": "PASSWORD", "value": …}` say elsewhere what a value is."""
    if field not in _VALUE_FIELDS:
        return field
    named = siblings.get("name", siblings.get("key", outer))
    return named if isinstance(named, str) else outer


def _redact_named(name: str, value: str, key: bytes) -> str:
    last = next((found for found in _names(name) if found.end == len(name)), None)
    if not last or _MARKER.search(value):
        return redact(value, key)
    scheme = _SCHEME.match(value)
    secret = value[scheme.end() :] if scheme else value
    named = _Named(last.kind, quoted=True, firm=True)
    if not _is_secret(named, secret):
        return redact(value, key)
    return value[: len(value) - len(secret)] + _mark(named.kind, secret, key)


_VALUE_FIELDS = frozenset({"value", "data", "raw", "plaintext", "val"})


def _mark(kind: str, secret: str, key: bytes) -> str:
    tag = hmac.new(key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:8]
    return f"[REDACTED:{kind}:{tag}]"


class _Span(NamedTuple):
    start: int
    end: int
    kind: str


def _hide(text: str, key: bytes) -> str:
    spans = list(_found(text))
    if not spans:
        return text
    parts, at = [], 0
    for start, end, kind in _merged(spans):
        parts += [text[at:start], _mark(kind, text[start:end], key)]
        at = end
    return "".join([*parts, text[at:]])


def _found(text: str) -> Iterator[_Span]:
    """Every detector's finds, the most telling kind first; each is asked only where a cheap sign of it is there."""
    long = "\n".join(_LONG.findall(text))
    if long:
        yield from _shaped(text, long, _PREFIXES, _ODD_MARKED)
    yield from _shaped(text, text, _SHAPES)
    yield from _named_secrets(text)
    if long:
        yield from _bare_secrets(text)


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """Overlapping finds become one, under the kind of the first detector that saw any of it."""
    ranked = sorted(enumerate(spans), key=lambda numbered: numbered[1].start)
    merged: list[tuple[int, _Span]] = []
    for rank, span in ranked:
        if merged and span.start < merged[-1][1].end:
            before_rank, before = merged[-1]
            best = min((before_rank, before.kind), (rank, span.kind))
            merged[-1] = (best[0], _Span(before.start, max(before.end, span.end), best[1]))
        else:
            merged.append((rank, span))
    return [span for _, span in merged]


# ── Shapes that providers publish ─────────────────────────────────────────────────────────────────────────────


class _Shape(NamedTuple):
    kind: str
    hint: str  # a literal that must be there: looking for it first costs 50 ns
    pattern: re.Pattern[str]  # its first group is the secret


def _shaped(text: str, hints: str, shapes: Iterable[_Shape], oddity: float = 0) -> Iterator[_Span]:
    for kind, hint, pattern in shapes:
        if hint in hints:
            for found in pattern.finditer(text):
                if found[1] and not _is_placeholder(found[1]) and _oddity(found[1]) >= oddity:
                    yield _Span(*found.span(1), kind)


_W = "[A-Za-z0-9]"
_D = "[A-Za-z0-9_-]"
_B = "[A-Za-z0-9+/=_-]"
_H = "[0-9a-fA-F]"
_DOT = "[A-Za-z0-9_.=-]"
_U = f"{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}"

# kind, prefix, body. Lengths are the published minimum; what still looks like the same token is taken with it.
_PUBLISHED = (
    # docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    *(("aws", prefix, "[A-Z0-9]{16,17}(?![A-Za-z0-9])") for prefix in ("AKIA", "ASIA", "ABIA", "ACCA", "A3T")),
    ("aws", "ABSK", f"{_B}{{60,400}}"),
    ("aws", "bedrock-api-key-", f"{_B}{{20,2000}}"),
    # cloud.google.com/docs/authentication/api-keys, developers.google.com/identity/protocols/oauth2
    ("gcp", "AIza", f"{_D}{{33,60}}"),
    ("gcp", "GOCSPX-", f"{_D}{{20,60}}"),
    ("gcp", "GOOG", f"{_W}{{16,70}}"),
    ("gcp", "ya29.", f"{_DOT}{{20,2000}}"),
    ("gcp", "1//0", f"{_D}{{30,200}}"),
    # github.blog/2021-04-05-behind-githubs-new-authentication-token-formats
    *(("github", prefix, "[A-Za-z0-9_.-]{30,512}")
      for prefix in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")),
    # docs.gitlab.com/security/tokens/#token-prefixes
    *(("gitlab", prefix, "[A-Za-z0-9_.=-]{19,320}")
      for prefix in ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-",
                     "glsoat-", "glffct-", "glwt-", "GR1348941")),
    # docs.npmjs.com/about-access-tokens, pypi.org/help/#apitoken, guides.rubygems.org, crates.io, clojars
    ("npm", "npm_", f"{_W}{{34,80}}"),
    ("pypi", "pypi-", f"{_D}{{50,1200}}"),
    ("rubygems", "rubygems_", f"{_H}{{40,80}}"),
    ("crates", "cio", f"{_W}{{32}}(?![A-Za-z0-9])"),
    ("clojars", "CLOJARS_", f"{_W}{{50,80}}"),
    ("docker", "dckr_", f"(?:pat|oat)_{_D}{{24,80}}"),
    ("nuget", "oy2", "[a-z0-9]{43}(?![A-Za-z0-9])"),
    # huggingface.co/docs/hub/security-tokens, and the other model providers' key pages
    ("huggingface", "hf_", f"{_W}{{30,60}}"),
    ("huggingface", "api_org_", f"{_W}{{30,60}}"),
    ("anthropic", "sk-ant-", f"{_D}{{24,200}}"),
    ("openrouter", "sk-or-", f"{_D}{{24,120}}"),
    ("openai", "sk-", f"{_D}{{20,300}}"),
    ("openai", "sess-", f"{_W}{{32,80}}"),
    ("groq", "gsk_", f"{_W}{{40,80}}"),
    ("xai", "xai-", f"{_D}{{60,120}}"),
    ("perplexity", "pplx-", f"{_W}{{32,80}}"),
    ("replicate", "r8_", f"{_D}{{32,60}}"),
    ("nvidia", "nvapi-", f"{_D}{{40,100}}"),
    ("fireworks", "fw_", f"{_W}{{20,60}}"),
    ("cerebras", "csk-", f"{_W}{{30,80}}"),
    ("tavily", "tvly-", f"{_D}{{20,60}}"),
    ("langsmith", "lsv2_", f"(?:pt|sk)_{_H}{{32}}_{_H}{{6,20}}"),
    ("langfuse", "sk-lf-", f"{_U}"),
    ("pinecone", "pcsk_", f"{_D}{{40,100}}"),
    ("wandb", "wandb_v1_", f"{_D}{{30,120}}"),
    # api.slack.com/authentication/token-types
    *(("slack", prefix, f"{_D}{{10,400}}") for prefix in ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxc-",
                                                         "xoxd-", "xoxe-", "xoxe.", "xapp-")),
    # docs.stripe.com/keys, developer.squareup.com/docs/build-basics/access-tokens, razorpay, flutterwave, paystack …
    *(("stripe", prefix, f"(?:live|test|prod)_{_W}{{10,250}}") for prefix in ("sk_", "rk_", "pk_", "ak_")),
    ("stripe", "whsec_", f"{_B}{{24,120}}"),
    ("square", "sq0", f"(?:atp|csp|idp|cs[a-z]|id[a-z])-{_D}{{22,60}}"),
    ("square", "EAAA", f"{_D}{{40,120}}"),
    ("facebook", "EAA", f"{_W}{{60,400}}"),
    ("razorpay", "rzp_", f"(?:live|test)_{_W}{{14,40}}"),
    ("flutterwave", "FLW", f"(?:SECK|PUBK)(?:_TEST|_LIVE)?-{_W}{{12,64}}(?:-X)?"),
    ("paypal", "access_token$", f"(?:production|sandbox)\\${_W}{{13,20}}\\${_H}{{32}}"),
    ("plaid", "access-", f"(?:sandbox|development|production)-{_U}"),
    ("shippo", "shippo_", f"(?:live|test)_{_H}{{30,60}}"),
    ("easypost", "EZ", f"(?:AK|TK){_W}{{50,60}}"),
    ("duffel", "duffel_", f"(?:test|live)_{_B}{{30,60}}"),
    ("lob", "live_", f"{_H}{{32,48}}(?![A-Za-z0-9])"),
    # twilio.com/docs/iam/api-keys, docs.sendgrid.com, mailgun, mailchimp, brevo, resend, postmark
    ("twilio", "SK", f"{_H}{{32}}(?![A-Za-z0-9])"),
    ("twilio", "AC", f"{_H}{{32}}(?![A-Za-z0-9])"),
    ("sendgrid", "SG.", f"{_D}{{16,32}}\\.{_D}{{30,64}}"),
    ("mailgun", "key-", "[0-9a-z]{32}(?![A-Za-z0-9])"),
    ("mailgun", "pubkey-", f"{_W}{{32}}(?![A-Za-z0-9])"),
    ("brevo", "xkeysib-", f"{_D}{{60,120}}"),
    ("brevo", "xsmtpsib-", f"{_D}{{60,120}}"),
    ("resend", "re_", f"{_W}{{6,12}}_{_W}{{20,40}}"),
    # docs.digitalocean.com/reference/api, shopify.dev/docs/apps/auth, linear.app, developers.notion.com …
    *(("digitalocean", prefix, f"{_H}{{40,80}}") for prefix in ("dop_v1_", "doo_v1_", "dor_v1_")),
    *(("shopify", prefix, f"{_H}{{30,80}}") for prefix in ("shpat_", "shpca_", "shppa_", "shpss_", "shptka_")),
    ("linear", "lin_", f"(?:api|oauth)_{_W}{{32,80}}"),
    ("notion", "ntn_", f"{_W}{{40,60}}"),
    ("notion", "secret_", f"{_W}{{40,60}}"),
    ("figma", "fig", f"(?:d|o|p|u|ur)_{_B}{{38,60}}"),
    ("airtable", "pat", f"{_W}{{14}}\\.{_H}{{64}}"),
    ("asana", "2/", "[0-9]{14,20}/[0-9]{14,20}:[0-9a-f]{32}"),
    ("atlassian", "ATATT3", f"{_B}{{60,400}}"),
    ("atlassian", "ATCTT3", f"{_B}{{60,400}}"),
    ("atlassian", "ATBB", f"{_DOT}{{24,60}}"),
    ("atlassian", "BBDC-", f"{_B}{{38,60}}"),
    ("postman", "PMAK-", f"{_D}{{50,70}}"),
    ("contentful", "CFPAT-", f"{_D}{{40,60}}"),
    ("readme", "rdme_", f"{_W}{{50,90}}"),
    ("typeform", "tfp_", f"{_D}{{38,70}}"),
    ("hubspot", "pat-", f"(?:na|eu|ap)\\d-{_U}"),
    ("dropbox", "sl.", f"{_D}{{60,2000}}"),
    # telegram, discord.com/developers/docs/reference#authentication
    ("discord", "mfa.", f"{_D}{{60,100}}"),
    # docs.databricks.com, developer.hashicorp.com/vault/docs/concepts/tokens, terraform, doppler, pulumi, fly …
    ("databricks", "dapi", f"{_H}{{32}}(?:-\\d)?(?![A-Za-z0-9])"),
    ("databricks", "dose", f"{_H}{{32}}(?![A-Za-z0-9])"),
    *(("vault", prefix, f"{_DOT}{{20,400}}") for prefix in ("hvs.", "hvb.", "hvr.")),
    ("vault", "s.", f"{_W}{{24}}(?![A-Za-z0-9])"),
    ("doppler", "dp.", "(?:pt|st|ct|sa|scim|audit)(?:\\.[a-z0-9_-]{2,35})?\\.[A-Za-z0-9]{36,60}"),
    ("pulumi", "pul-", f"{_H}{{32,60}}"),
    ("fly", "fo1_", f"{_D}{{30,80}}"),
    *(("fly", prefix, f"{_B}{{60,1000}}") for prefix in ("fm1r_", "fm1a_", "fm2_")),
    ("heroku", "HRKU-", f"{_D}{{30,80}}"),
    ("supabase", "sbp_", f"{_W}{{36,60}}"),
    ("supabase", "sb_", f"(?:secret|publishable)_{_D}{{20,60}}"),
    ("planetscale", "pscale_", f"(?:pw|tkn|oauth)_{_DOT}{{30,80}}"),
    ("neon", "napi_", f"{_W}{{40,80}}"),
    ("cloudflare", "v1.0-", f"{_D}{{100,200}}"),
    ("cloudflare", "cf", f"(?:ut|at|k)_{_W}{{40,60}}"),
    ("vercel", "vc", f"(?:p|i|a|r|k)_{_W}{{24,80}}"),
    ("netlify", "nf", f"(?:p|c|o|u|b)_{_W}{{32,60}}"),
    ("tailscale", "tskey-", f"{_D}{{20,120}}"),
    ("alibaba", "LTAI", f"{_W}{{12,26}}(?![A-Za-z0-9])"),
    ("tencent", "AKID", f"{_W}{{28,40}}"),
    ("scaleway", "SCW", f"{_W}{{17}}(?![A-Za-z0-9])"),
    ("yandex", "AQVN", f"{_D}{{30,50}}"),
    ("yandex", "t1.", f"{_DOT}{{60,400}}"),
    # docs.sentry.io, newrelic, grafana.com/docs, dynatrace, datadog, honeycomb, rootly, sumologic, posthog
    *(("sentry", prefix, f"{_B}{{40,400}}") for prefix in ("sntrys_", "sntryu_", "sntrya_", "sntryi_")),
    *(("newrelic", prefix, f"{_D}{{19,64}}") for prefix in ("NRAK-", "NRII-", "NRIQ-", "NRJS-", "NRBR-", "NRRA-")),
    ("grafana", "glsa_", f"{_D}{{32,80}}"),
    ("grafana", "glc_", f"{_B}{{32,400}}"),
    ("grafana", "eyJrIjoi", f"{_B}{{40,400}}"),
    ("dynatrace", "dt0", f"[a-z]\\d\\d\\.{_W}{{8,32}}\\.{_W}{{32,80}}"),
    ("posthog", "ph", f"(?:x|c|s|r)_{_D}{{32,60}}"),
    ("rootly", "rootly_", f"{_H}{{40,80}}"),
    ("honeycomb", "hc", f"(?:a|x|b)(?:ik|mk|lk)_{_W}{{40,80}}"),
    ("launchdarkly", "sdk-", f"{_U}"),
    ("launchdarkly", "api-", f"{_U}"),
    ("launchdarkly", "mob-", f"{_U}"),
    ("sonar", "sq", f"(?:a|p|u)_{_H}{{40}}"),
    ("snyk", "snyk_", f"{_DOT}{{30,120}}"),
    ("circleci", "CCIPAT_", f"{_W}{{20,24}}_{_H}{{40}}"),
    ("circleci", "CCIPRJ_", f"{_W}{{20,24}}_{_H}{{40}}"),
    ("buildkite", "bk", f"(?:ua|pat|aj|ct)_{_W}{{36,80}}"),
    ("sourcegraph", "sgp_", "(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}"),
    ("sourcegraph", "slk_", f"{_H}{{64}}"),
    ("artifactory", "AKCp", f"{_W}{{50,80}}"),
    ("artifactory", "cmVmd", f"{_W}{{50,80}}"),
    ("octopus", "API-", "[A-Z0-9]{25,32}(?![A-Za-z0-9])"),
    ("openshift", "sha256~", f"{_D}{{40,50}}"),
    ("endorlabs", "endr+", f"{_D}{{16,32}}"),
    # 1password.com/security, age-encryption.org/v1, and keys of other tools
    ("1password", "A3-", "[A-Z0-9]{6}-(?:[A-Z0-9]{5,11}-){3,5}[A-Z0-9]{5}"),
    ("1password", "ops_", f"{_B}{{100,2000}}"),
    ("age", "AGE-SECRET-KEY-1", "[A-Z0-9]{40,60}"),
    ("adobe", "p8e-", f"{_W}{{32}}"),
    ("adafruit", "aio_", f"{_W}{{28}}"),
    ("apify", "apify_api_", f"{_D}{{30,50}}"),
    ("prefect", "pn", f"(?:u|b)_{_W}{{36}}"),
    ("intra42", "s-s4t2", f"(?:ud|af)-{_H}{{64}}"),
    ("frameio", "fio-u-", f"{_D}{{50,80}}"),
    ("salesloft", "shltm_", f"{_D}{{36,50}}"),
    ("settlemint", "sm_", f"(?:aat|pat|sat)_{_W}{{16,40}}"),
    ("contentstack", "cs", "[0-9a-f]{20}(?![A-Za-z0-9])"),
    ("mapbox", "sk.", f"{_DOT}{{60,300}}"),
    ("mapbox", "pk.", f"{_DOT}{{60,300}}"),
    ("defined", "dnkey-", f"{_D}{{20,100}}"),
    ("harness", "pat.", f"{_D}{{20,26}}\\.{_W}{{24}}\\.{_W}{{20}}"),
    ("harness", "sat.", f"{_D}{{20,26}}\\.{_W}{{24}}\\.{_W}{{20}}"),
    ("zoho", "1000.", f"{_H}{{32}}\\.{_H}{{32}}"),
    ("salesforce", "3MVG9", f"{_DOT}{{60,260}}"),
    ("salesforce", "00D", f"{_W}{{12,15}}![A-Za-z0-9_.]{{60,120}}"),
    ("clickhouse", "4b1d", f"{_W}{{38}}(?![A-Za-z0-9])"),
    ("infracost", "ico-", f"{_W}{{32}}"),
    ("ubidots", "BBFF-", f"{_W}{{30,40}}"),
    ("pubnub", "sub-c-", f"{_U}"),
    ("pubnub", "pub-c-", f"{_U}"),
    ("pubnub", "sec-c-", f"{_B}{{40,60}}"),
)  # fmt: skip

_PREFIXES = tuple(
    _Shape(kind, prefix, re.compile(f"(?<![A-Za-z0-9])({re.escape(prefix)}{body})"))
    for kind, prefix, body in _PUBLISHED
)

_BASE64_LINE = r"(?:[\s\\nrt\"'+,|>#*]{0,16}[A-Za-z0-9+/=]{16,128})"


def _shape(kind: str, hint: str, pattern: str) -> _Shape:
    return _Shape(kind, hint, re.compile(pattern))


_SHAPES = (
    # RFC 7468 and openssh; without an END line (a clipped text) the lines of base64 that follow
    _shape("private-key", "PRIVATE KEY",
           r"(-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
           r"(?:(?:[^-]|-(?!----)){0,16384}-----END [A-Z0-9 ]{0,60}-----"
           rf"|[^A-Za-z0-9-]{{0,16}}(?:(?:Proc-Type|DEK-Info|Version|Comment): ?[^\n]{{0,80}}\s{{0,4}}){{0,4}}"
           rf"{_BASE64_LINE}{{1,400}}))"),
    _shape("private-key", "Private-Lines:", rf"Private-Lines: \d{{1,3}}({_BASE64_LINE}{{1,200}})"),
    # RFC 7519
    _shape("jwt", "eyJ", r"(?<![A-Za-z0-9])(ey[JI][A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,8192}"
                         r"(?:\.[A-Za-z0-9_-]{0,4096}){0,3}={0,2})"),
    # learn.microsoft.com: client secrets, storage and service keys end in a fixed mark
    _shape("azure", "Q~", r"(?<![A-Za-z0-9_~.-])([A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{28,40})"),
    _shape("azure", "==", r"(?<![A-Za-z0-9+/])(?<!sha512[-:=])([A-Za-z0-9+/]{86}==)"),
    _shape("azure", "AzC", r"(?<![A-Za-z0-9+/])([A-Za-z0-9+/]{30,80}(?:AzC[a-z]|AzSe)[A-Za-z0-9+/]{5,10}={0,2})"),
    _shape("azure", "sig=", r"[?&;]sig=([A-Za-z0-9%+/=_-]{20,200})"),
    _shape("telegram", ":", r"(?<![0-9])([0-9]{8,10}:[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])"),
    _shape("discord", ".", r"(?<![A-Za-z0-9_-])([MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40})"),
    _shape("mailchimp", "-us", r"(?<![A-Za-z0-9])([0-9a-f]{32}-us[0-9]{1,2})(?![0-9])"),
    _shape("newrelic", "NRAL", r"(?<![A-Za-z0-9])([0-9a-zA-Z]{32,40}NRAL)"),
    _shape("terraform", ".atlasv1.", r"(?<![A-Za-z0-9])([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,80})"),
    _shape("maxmind", "_mmk", r"(?<![A-Za-z0-9])([A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk)"),
    # A webhook's URL is its credential: api.slack.com, discord, Teams, Zapier, Google Chat, Tines
    _shape("webhook", "hooks.slack", r"hooks\.slack(?:-gov)?\.com/"
           r"(?:services|workflows|triggers)/([A-Za-z0-9+/_-]{20,120})"),
    _shape("webhook", "/api/webhooks/", r"/api/webhooks/([0-9]{15,21}/[A-Za-z0-9_-]{40,100})"),
    _shape("webhook", "office.com/webhook", r"office\.com/webhookb?2?/([A-Za-z0-9@/-]{60,300})"),
    _shape("webhook", "hooks.zapier", r"hooks\.zapier\.com/hooks/catch/([A-Za-z0-9/]{10,60})"),
    _shape("webhook", "/webhook/", r"tines\.com/webhook/([A-Za-z0-9/]{32,80})"),
    _shape("webhook", "maker.ifttt", r"maker\.ifttt\.com/trigger/[\w-]{1,60}/"
           r"(?:json/)?with/key/([A-Za-z0-9_-]{16,60})"),
    # RFC 3986 userinfo: scheme://user:password@host, scheme://token@host
    _shape("url-password", "@", r"[A-Za-z]://[^\s/@:\"'<>?#]{0,128}:(?!\d{1,5}[/?#])"
           r"([^\s\"'<>@/]{1,1024}(?:[@/][^\s\"'<>@]{0,256}){0,3})"
           r"@(?=[A-Za-z0-9\[{$%-])"),
    _shape("url-token", "@", r"[A-Za-z]://(?=[^@\s]{0,256}\d)([A-Za-z0-9_~.=+%-]{20,256})@(?=[A-Za-z0-9])"),
    # Sentry's DSN carries its key as the user
    _shape("sentry", "://", r"://([0-9a-f]{32}(?::[0-9a-f]{32})?)@[A-Za-z0-9.-]{1,100}/\d"),
    # RFC 9110 credentials and RFC 6265 cookies
    _shape("authorization", "uthorization",
           r"(?i:authorization)\\{0,3}[\"']?[\])]?\s{0,4}(?:[:=,]|=>)\s{0,4}\\{0,3}[\"'`]?"
           r"(?:(?i:bearer|basic|token|digest|apikey|key|jwt|bot|splunk|ssws"
           r"|geniekey|klaviyo-api-key|discogs|aws4-hmac-sha256)\s{1,4}"
           r"|(?=[^\s\"'`\\]{0,40}[0-9]))([^\s\"'`\\<>{$(][^\s\"'`\\<>]{5,4096}"
           r"(?:,\s?[A-Za-z]{1,20}=[^\s\"'`,]{1,512}){0,8})"),
    _shape("bearer", "earer ", r"(?<![A-Za-z])[Bb]earer ((?=[^\s\"'`]{0,256}[0-9_])[A-Za-z0-9_~+/.=-]{8,4096})"),
    _shape("basic", "asic ", r"(?<![A-Za-z])[Bb]asic ((?=[A-Za-z0-9+/]{0,64}[0-9=])"
           r"(?=[A-Za-z0-9+/]{0,64}[A-Z])[A-Za-z0-9+/]{8,1024}={0,2})"),
    _shape("cookie", "ookie", r"(?i:cookie)\\{0,3}[\"']?\s{0,4}[:=,]\s{0,4}\\{0,3}[\"'`]?[\w.%-]{1,80}="
           r"([^\s;\"'`\\]{4,4096}(?:;\s?[\w.%-]{1,80}=[^\s;\"'`\\]{1,4096}){0,40})"),
    # The flags of clients that take a password
    _shape("password", "curl", r"curl[^\n]{0,200}?\s(?:-u|--user|--proxy-user|-U)[ =]?[\"']?"
           r"[^\s:\"'$<]{1,128}:([^\s\"'$<{][^\s\"']{2,256})"),
    _shape("password", " -", r"(?:sshpass|mysql|mysqldump|mysqladmin|mariadb|docker login|podman login"
           r"|helm registry login|az login|redis-cli"
           r"|ldapsearch|ldapadd|smbclient|mongosh?|mongodump|sqlcmd|keytool|zip|7z|ansible)[^\n]{0,160}?"
           r"\s-(?:pass|p|a|w|P)[ =]?[\"']?([^\s\"'$<{-][^\s\"']{4,256})"),
    _shape("password", "pass:", r"-pass(?:in|out)?\s{1,4}pass:([^\s\"'$<{][^\s\"']{2,256})"),
    _shape("password", "ass", r"(?i:passwords?|passwd|passphrase)(?: (?:for|to|of) [^\n]{1,40}?)? "
           r"(?:is|was) (?:[a-z]{1,12} )?[\"'`]?"
           r"((?=[^\s]{0,64}[0-9])(?=[^\s]{0,64}[A-Za-z])[A-Za-z0-9!@#$%^&*+_~-]{6,64})(?![A-Za-z0-9])"),
    _shape("password", "login", r"\blogin\s{1,4}[^\s]{1,128}\s{1,4}password\s{1,4}([^\s]{3,256})"),
)  # fmt: skip

# ── What a name calls a secret: password=…, "api_key": "…", --token …, "the key is …" ─────────────────────────

_CORE = re.compile(
    "pass|pwd|psw|secret|token|key|auth|cred|jwt|bearer|pat|dsn|mnemonic|seed|sess|sid|sig|code|app_?id|otp|cookie"
)

_NAME = re.compile(
    r"""(?xi)
    (?:(?P<password>passw(?:or)?ds?|passwort|passcode|passwd|(?<!\$)pwd|(?<=[_-])pass|(?-i:(?<=[a-z])Pass)
        |(?<=db)pass|(?<=user)pass|(?<![a-z])pass(?=\\?["']?\s{0,4}=|\\?["']\s{0,4}:)
        |(?<![a-z])psw)
    |(?P<passphrase>pass[ _-]?phrase|mnemonic|seed[ _-]?phrase)
    |(?P<secret>secrets?(?:[ _-]?(?:access)?[ _-]?key)?|credentials?|creds)
    |(?P<token>tokens?|jwt|bearer|(?<![a-z])pat)
    |(?P<api_key>(?<=x-)auth-key|auth[ _-]?(?:key|code)|(?<![a-z])dsn|(?:(?<=j)|(?<=php)|(?<=net_))sess(?:ion)?id
        |(?<=connect\.)sid|(?<=[?&])(?:key|code|app_?id|sig|signature|auth|sid)(?==))
    |(?P<cookie>cookies?)
    |(?P<auth>(?<![a-z])auth|(?<![a-z])otp)
    |(?P<key>(?<![a-z])keys?|(?-i:(?<=[a-z])Key)|(?<=api)keys?|(?<=[a-z]{4})key))
    (?:[ _-]?(?:value|val|str|string|text|b64|base64|prod|production|dev|test|live|staging|\d{1,2}))?
    (?![a-z0-9])"""
)

# What makes a key a secret one, and what makes it none, just before the word.
_SECRET_KEY = re.compile(
    r"(?i)(?:api|app|application|access|account|auth|private|shared|sign(?:ing|ature)?|encrypt(?:ion)?|master|admin"
    r"|service|subscription|licen[cs]e|storage|ssh|deploy|server|write|read|consumer|client|integration|org|project"
    r"|instrumentation|ingest(?:ion)?|hmac|webhook|rest|developer|crypto|cipher|aes|sas|secure|user|security|site|merchant"
    r"|rapidapi|partner|dev|test|live|prod|production|sandbox|personal|global)[ _-]?$|[a-z0-9]_$|\bx-[a-z-]{2,20}-$"
)
_COMMON_KEY = re.compile(
    r"(?i)(?:cache|primary|foreign|sort|partition|group|dedup|idempotency|request|template|cluster|item|public|pub|registry|hot|map|dict|object|s3|mon|tur|don"
    r"|row|index|lock|event|routing|unique|duplicate|config|json|translation|i18n|message|bucket|file|known|next|page|whis|jo"
    r"|continuation|cancellation|composite|natural|sharding|shard|surrogate|gpg|host|with|by|the|for)[ _-]{0,2}$"
)


class _Name(NamedTuple):
    start: int
    end: int
    kind: str


def _names(text: str) -> Iterator[_Name]:
    lowered = text.replace("\u0130", "I").lower()  # the one letter whose lower case is longer
    end = 0
    for core in _CORE.finditer(lowered):
        found = _NAME.match(text, core.start()) if core.start() >= end else None
        if found:
            end = found.end()
            kind = _kind(found.lastgroup or "", text[max(0, found.start() - 24) : found.start()])
            if kind:
                yield _Name(found.start(), end, kind)


def _kind(group: str, before: str) -> str:
    if group != "key":
        return group.replace("_", "-")
    if _COMMON_KEY.search(before):
        return ""
    return "api-key" if _SECRET_KEY.search(before) else "key"


_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey|digest|jwt|ssws|bot)[ \t]{1,4}")

_ASSIGNED = re.compile(
    r"""(?x)
    (?:\\{0,3}["'`\])}]{1,3}|\*{1,2}|_{2})?[ \t]{0,8}
    (?:(?P<firm>
        :[ \t]{0,4}(?:Optional\[|Final\[|SecretStr|const\s|&)?
            (?:str|String|string|bytes|&str|text|Text|Final)?[ \]|A-Za-z]{0,12}=
        |=>|:=|={1,3}(?!=)|->|::?(?=[^:])|>|\?=
        |\(\s{0,4}(?=\\{0,3}["'`])|\\{0,3}["'],\s{0,4}(?=\\{0,3}["'`])|(?<=["']),\s{0,4}(?=\\{0,3}["'`])
        |,?\s{0,16}\\{0,3}["']?(?:value|Value)\\{0,3}["']?\s{0,4}[:=])
     |(?P<flag>[ \t]))
    \*{0,2}[ \t]{0,8}(?:[|>]-?\s{1,40}(?=\S))?
    (?:[bBrRuU]?(?P<quote>\\{0,3}["'`])(?:(?i:bearer|basic|token|apikey|ssws|bot)\s{1,4})?
        (?P<quoted>(?:(?!(?P=quote))(?:\\[^\n]|[^\\\n])){1,1024})
     |(?:(?i:bearer|basic|token|apikey|ssws|bot)[ \t]{1,4})?
        (?P<bare>(?:[^\s"'`<>,;&)\]}|\\]|[,;&)\]}|](?![\s"'`<>,;)\]}|\\]|$|[\w.-]{1,40}[=:])|\\(?![nrt"'\\]|$)){1,1024}))"""
)
_TOKEN = re.compile(r"(?<![^\s\"'`<>(){}\[\],;|\\=:&?])[^\s\x00-\x1f\"'`<>(){}\[\],;|\\=&?]{8,512}={0,2}")
_FLAG = re.compile(r"(?:^|[\s\"'`=\[(,])--?[A-Za-z][\w.-]{0,40}$|(?:^|[\s\"'`\[(,])--?$")
_MENTION = 64  # how far behind its name a secret may stand in prose


class _Named(NamedTuple):
    kind: str
    quoted: bool
    firm: bool  # assigned, not only mentioned


def _named_secrets(text: str) -> Iterator[_Span]:
    last = _Span(0, 0, "")
    for name in _names(text):
        span = None if last.start <= name.start < last.end else _assigned(text, name) or _mentioned(text, name)
        if span:
            last = span
            yield span


def _assigned(text: str, name: _Name) -> _Span | None:
    found = _ASSIGNED.match(text, name.end)
    if not found or (found["flag"] and not _FLAG.search(text[max(0, name.start - 48) : name.start])):
        return None
    group = "quoted" if found["quote"] else "bare"
    settled = group == "quoted" or text[found.end() : found.end() + 1] in ("", "\n")
    is_secret = _is_secret(_Named(name.kind, settled, firm=True), found[group])
    return _Span(*found.span(group), name.kind) if is_secret else None


def _mentioned(text: str, name: _Name) -> _Span | None:
    """`the password for staging is X`: the first thing of the sentence that looks made up."""
    read = name.end
    for token in _TOKEN.finditer(text, read, read + _MENTION + 512):
        if token.start() > name.end + _MENTION or _STOP.search(text, read, token.start()):
            return None
        read = token.start()
        value = token[0].rstrip(".:!?…")
        if _is_secret(_Named(name.kind, quoted=False, firm=False), value):
            return _Span(token.start(), token.start() + len(value), name.kind)
    return None


_STOP = re.compile(
    r"(?i)\n\s{0,20}\n|commit|\bsha|hash|digest|revision|checksum|md5|etag|fingerprint|trace|span|request|uuid|\bid\b"
    r"|version|\bat 0x|\bfile\b|\bline\b|\bin /"
)


def _is_secret(named: _Named, value: str) -> bool:
    if not named.firm and len(value) < _LEAST_KEY and not _DIGIT.search(value):
        return False
    if _is_placeholder(value) or _CODE.match(value):
        return False
    if named.firm and named.kind in _CHOSEN:
        return _is_chosen(named, value)
    if not named.firm and named.kind in _ONLY_ASSIGNED:
        return False
    return _is_made_up(value, _LEAST_KEY if named.kind == "key" else _LEAST_TOKEN, named)


_CHOSEN = frozenset({"password", "passphrase", "secret"})  # a person may have thought of it
_ONLY_ASSIGNED = frozenset({"auth", "cookie", "passphrase"})
_LEAST_PASSWORD, _LEAST_TOKEN, _LEAST_KEY = 4, 8, 16


def _is_chosen(named: _Named, value: str) -> bool:
    if _PHRASE.fullmatch(value):
        return named.kind == "passphrase"
    if len(value) < _LEAST_PASSWORD or " " in value:
        return False
    return bool(_MIXED.search(value)) or (named.kind == "password" and named.quoted and bool(_PLAIN.fullmatch(value)))


_PHRASE = re.compile(r"[a-z]{2,12}(?: [a-z]{2,12}){3,24}")
_MIXED = re.compile(r"\d|[^\w\s.:-]|[a-z][A-Z]")
_PLAIN = re.compile(r"[\w.:-]{5,64}")


def _is_made_up(value: str, least: int, named: _Named) -> bool:
    if (
        len(value) < least
        or (" " in value and named.kind != "cookie")
        or (len(value) < _LEAST_KEY and not _DIGIT.search(value))
    ):
        return False
    if not named.firm and _ID.fullmatch(value):
        return named.kind != "key" and len(value) >= _LEAST_KEY
    oddity = _oddity(value)
    if oddity < _ODD_BARE and _ORDINARY_TOKEN.fullmatch(value):
        return False
    return oddity >= (_ODD_NAMED if named.firm or named.kind == "password" else _ODD_MENTIONED)


_DIGIT = re.compile(r"[0-9]")
_ID = re.compile(rf"{_U}|[0-9a-f]{{7,1024}}|[0-9A-F]{{7,1024}}")
# Numbers, versions, dates, addresses, paths, file names, words with a number behind.
_ORDINARY_TOKEN = re.compile(
    r"[\d.,:_/+-]{1,200}|v?\d{1,5}(?:\.\d{1,6}){1,4}[\w.+-]{0,40}|\d{4}-\d\d-\d\d[\w:.+-]{0,30}|0x[0-9a-fA-F]{1,16}"
    r"|[~.]{0,2}/[\w./-]{0,400}|[\w./-]{1,200}\.(?:py|js|ts|go|rs|java|c|h|cpp|rb|json|ya?ml"
    r"|toml|txt|md|log|pem|key|crt|html?|css|so|sh|cfg|ini|lock|tsx|jsx|php|cs|sql|xml|zip|gz|png|conf)"
    r"|[A-Za-z]{2,20}(?:[_.-][A-Za-z]{2,20}){0,8}[_.-]?\d{0,4}|\d{1,6}[A-Za-z]{1,12}"
)

_CODE = re.compile(
    r"(?x)\$?[\w.:>-]{0,80}\(|[A-Za-z_][\w]{0,60}\["
    r"|[a-z_][A-Za-z_]{0,40}(?:(?:\.|->|::|\?\.)[A-Za-z_]{1,40}){1,8}(?:\[|\(|$)"
    r"|\$[({A-Za-z_]|\$\$|\{\{?|<|%[({A-Z%]|@\{|!(?:Ref|Sub|vault|GetAtt|secret)|&[a-z]{1,40}(?:\.\w{1,60})?\{?$|\*[a-z]+$|\.{3}|…"
    r"|~?\.{0,2}/(?:run|etc|home|usr|var|tmp|opt|Users|\.)|[A-Za-z]:\\|https?://|(?:vault|op|env|file|secret|arn|ssm|ref|h1|sha\d{1,3}):"
    r"|[\w./:-]{1,120}@sha256:|~?\.{0,2}(?:/[a-z][a-z0-9._-]{1,30}){2,20}(?:/|$)"
)

_DOCUMENTED = """
    your my the a an our some this that here is for to of with from new old current api app access auth client
    user users db database admin root postgres mysql guest default service account login secret secrets password
    passwd pass passphrase pwd token tokens key keys apikey credential credentials bearer basic digest jwt id
    name username value string str text int bool boolean bytes number null nil none undefined true false yes no
    on off any object optional required missing invalid incorrect wrong expired empty unset set not change
    changeme changeit replace replaceme insert enter put add goes todo tbd fixme example examples sample dummy
    fake mock test tests testing foo bar baz placeholder redacted hidden masked removed omitted secretstr only
    me it real actual generated random long super go type field input must should cannot was found provided
    private public refresh session demo localhost description error failed identifier reset unauthorized
    rejected
"""
_WORDS = frozenset(_DOCUMENTED.split())
_WORD = re.compile(r"[A-Z]?[a-z]{1,64}|[A-Z]{1,64}")
_PLACEHOLDER = re.compile(
    r"(?i)(.)\1{2,200}|<[^\n]{0,200}|\[[^\n]{0,200}|\{[^\n]{0,200}|\$\{?\w{1,80}[^\n]{0,80}"
    r"|%\w{1,40}%|%[-+ 0#]?\d{0,3}[a-z]|@\w{1,40}@"
    r"|(?:x{3}|\*{3}|\.{3}|•{2})[\w*.•-]{0,64}|[\w-]{0,16}(?:\*{3}|•{3}|x{6}|\.{3}|…)[\w*.•-]{0,64}"
    r"|[\w-]{0,64}(?:example|placeholder|changeme|redacted|your[_-])[\w-]{0,64}"
    r"|your[a-z_-]{0,40}|0?123456789?0?|abc123|abcd?e?f?"
    r"|[^\n]{0,6}12345678[^\n]{0,6}"
)


def _is_placeholder(value: str) -> bool:
    """What documentation writes where a secret would stand."""
    return len(value) <= _LONGEST_PLACEHOLDER and (_PLACEHOLDER.fullmatch(value) is not None or _is_worded(value))


_LONGEST_PLACEHOLDER = 200
_WORDED = re.compile(r"[A-Za-z_ .:/?!,'-]{1,200}\d{0,3}")


def _is_worded(value: str) -> bool:
    return bool(_WORDED.fullmatch(value)) and all(word.lower() in _WORDS for word in _WORD.findall(value))


# ── What looks drawn at random, with nothing to name it ───────────────────────────────────────────────────────

_LONG = re.compile(r"[^\s\"'`<>,;()]{13,65536}")
_BARE = re.compile(r"[A-Za-z0-9_+/-]{20,65536}={0,2}")
_RUN = re.compile(r"[A-Za-z0-9+]{12}")
_IDS = re.compile(rf"(?i){_U}|(?<![a-z0-9])[0-9a-f]{{7,64}}(?![a-z0-9])|(?<![a-z0-9])[0-9]{{6,64}}")
_KEPT = re.compile(r"(?i)0[0-2][0-9a-hjkmnp-tv-z]{24}|AAAA[BCE][23]N[za][A-Za-z0-9+/=]{0,1024}|[\d_./+-]{0,1024}")
# Digests, package hashes and inline images say what they are just before.
_DIGEST = re.compile(
    r"(?i)(?:sha-?\d{1,3}|h1|md5|integrity|etag|checksum|digest|blake2b?|hash)[\"']?[-:= \"'#]{1,4}$|/nix/store/$"
    r"|ssh-[a-z0-9]{3,8} $|nistp\d{3} $|base64,$|/folders/[a-z0-9_+]{1,4}/$|DerivedData/$|%3D$"
)
_PUBLIC_PEM = re.compile(
    r"-----BEGIN (?:CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY|X509 CRL|CERTIFICATE REQUEST"
    r"|PGP SIGNATURE|PGP PUBLIC KEY BLOCK)-----"
    r"(?:[^-]|-(?!----)){0,16384}"
)
# The 300 pairs of letters that make up 98 % of words and names: b is followed by a, b, c, …
_COMMON_PAIRS = """
    baceijlorsuy cacehiklmorstu dabcdeilorstu eabcdefgiklmnopqrstvwxy fadefilorstu gehilnorsu haeikortu
    iabcdefglmnoprstvxz jeou keilsw labcdefilopstuy mabdeimopstu nacdefgiklnopstuvy oabcdefgiklmnoprstuvwx
    padeiloprstuy qu rabcdefgiklmnorstuvy saceghiklmoprstuwy tacdefhilmoprstuwy uabcdefgilmnprst vaei waehinors
    xaceipt yeinpst zei abcdefgiklmnprstuvwxy
"""


def _ordinary_pairs() -> frozenset[str]:
    lower, digits, joints = "abcdefghijklmnopqrstuvwxyz", "0123456789", "_-+/=.~"
    doubles = [letter * 2 for letter in lower + lower.upper()]
    words = [group[0] + letter for group in _COMMON_PAIRS.split() for letter in group[1:]]
    cased = [pair for word in words for pair in (word, word.capitalize(), word.upper())]
    humps = [one + two.upper() for one in lower for two in lower]
    numbers = [one + two for one in digits for two in digits]
    every = lower + lower.upper() + digits + joints
    return frozenset([*cased, *doubles, *humps, *numbers, *(p for j in joints for c in every for p in (j + c, c + j))])


_ORDINARY = _ordinary_pairs()
_ODD_MARKED, _ODD_NAMED, _ODD_MENTIONED, _ODD_BARE = 0.06, 0.18, 0.28, 0.36


def _oddity(token: str) -> float:
    """The share of neighbours that neither words, names nor numbers have: ~0.6 when drawn at random, ~0.1 in names."""
    odd = sum(pair not in _ORDINARY for pair in map("".join, pairwise(token)))
    return odd / max(1, len(token) - 1)


def _bare_secrets(text: str) -> Iterator[_Span]:
    public = [found.span() for found in _PUBLIC_PEM.finditer(text)] if "-----BEGIN" in text else []
    for found in _BARE.finditer(text):
        if _is_digest(text, found.start()) or any(start <= found.start() < end for start, end in public):
            continue
        for start, end in _random_parts(text, *found.span()):
            if not _is_digest(text, start):
                yield _Span(start, end, "high-entropy")


def _is_digest(text: str, start: int) -> bool:
    return _DIGEST.search(text[max(0, start - 24) : start]) is not None


def _random_parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The whole token when it is base64 with slashes, else the random parts of a path."""
    token = text[start:end]
    if "/" not in token or _is_slashed_base64(token):
        if _is_random(token) or _is_odd_hex(token):
            yield start, end
        return
    for part in _PART.finditer(text, start, end):
        if _is_random(part[0]):
            yield part.span()


_PART = re.compile(r"[^/]{20,1024}")


def _is_slashed_base64(token: str) -> bool:
    parts = [part for part in token.split("/") if len(part) >= _TELLING]
    return len(token) >= _LEAST_BASE64 and token[0] != "/" and all(_oddity(part) >= _ODD_BARE for part in parts)


_TELLING, _LEAST_BASE64 = 4, 32


def _is_random(token: str) -> bool:
    rest = _IDS.sub("-", token)
    return (
        len(rest) >= _LEAST_BARE
        and _RUN.search(rest) is not None
        and _oddity(rest) >= _ODD_BARE
        and not _KEPT.fullmatch(token)
        and not _is_placeholder(token)
    )


def _is_odd_hex(token: str) -> bool:
    """Hex that is longer than a commit and as long as no digest."""
    if not _LONG_HEX.fullmatch(token) or len(token) in _DIGEST_SIZES:
        return False
    numbers = sum(map(str.isdigit, token)) / len(token)
    return _FEW_NUMBERS < numbers < _MANY_NUMBERS


_LONG_HEX = re.compile(r"[0-9a-f]{41,128}|[0-9A-F]{41,128}")
_FEW_NUMBERS, _MANY_NUMBERS = 0.35, 0.85  # 0.63 is what chance gives
_LEAST_BARE = 20
_DIGEST_SIZES = frozenset({56, 64, 96, 128})  # sha224 to sha512
