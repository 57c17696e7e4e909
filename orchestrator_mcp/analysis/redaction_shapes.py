"""Which secrets a provider's published format gives away."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .redaction_patterns import compiled
from .redaction_placeholders import is_placeholder
from .redaction_random import UUID, oddity
from .redaction_spans import Span


class Shape(NamedTuple):
    kind: str
    hint: str  # a literal that must be there: looking for it first costs 50 ns
    pattern: str  # its first group is the secret; compiled when the literal is first met


def shaped_secrets(text: str, hints: str, shapes: Iterable[Shape], least_oddity: float = 0) -> Iterator[Span]:
    for kind, hint, pattern in shapes:
        if hint in hints:
            for found in compiled(pattern).finditer(text):
                if found[1] and not is_placeholder(found[1]) and oddity(found[1]) >= least_oddity:
                    yield Span(*found.span(1), kind)


_W = "[A-Za-z0-9]"
_D = "[A-Za-z0-9_-]"
_B = "[A-Za-z0-9+/=_-]"
_H = "[0-9a-fA-F]"
_DOT = "[A-Za-z0-9_.=-]"

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
    ("langfuse", "sk-lf-", f"{UUID}"),
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
    ("plaid", "access-", f"(?:sandbox|development|production)-{UUID}"),
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
    ("hubspot", "pat-", f"(?:na|eu|ap)\\d-{UUID}"),
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
    ("launchdarkly", "sdk-", f"{UUID}"),
    ("launchdarkly", "api-", f"{UUID}"),
    ("launchdarkly", "mob-", f"{UUID}"),
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
    ("pubnub", "sub-c-", f"{UUID}"),
    ("pubnub", "pub-c-", f"{UUID}"),
    ("pubnub", "sec-c-", f"{_B}{{40,60}}"),
)  # fmt: skip

PREFIXES = tuple(
    Shape(kind, prefix, f"(?<![A-Za-z0-9])({re.escape(prefix)}{body})") for kind, prefix, body in _PUBLISHED
)

_BASE64_LINE = r"(?:[\s\\nrt\"'+,|>#*]{0,16}[A-Za-z0-9+/=]{16,128})"


SHAPES = (
    # RFC 7468 and openssh; without an END line (a clipped text) the lines of base64 that follow
    Shape("private-key", "PRIVATE KEY",
           r"(-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
           r"(?:(?:[^-]|-(?!----)){0,16384}-----END [A-Z0-9 ]{0,60}-----"
           rf"|[^A-Za-z0-9-]{{0,16}}(?:(?:Proc-Type|DEK-Info|Version|Comment): ?[^\n]{{0,80}}\s{{0,4}}){{0,4}}"
           rf"{_BASE64_LINE}{{1,400}}))"),
    Shape("private-key", "Private-Lines:", rf"Private-Lines: \d{{1,3}}({_BASE64_LINE}{{1,200}})"),
    # RFC 7519
    Shape("jwt", "eyJ", r"(?<![A-Za-z0-9])(ey[JI][A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,8192}"
                         r"(?:\.[A-Za-z0-9_-]{0,4096}){0,3}={0,2})"),
    # learn.microsoft.com: client secrets, storage and service keys end in a fixed mark
    Shape("azure", "Q~", r"(?<![A-Za-z0-9_~.-])([A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{28,40})"),
    Shape("azure", "==", r"(?<![A-Za-z0-9+/])(?<!sha512[-:=])([A-Za-z0-9+/]{86}==)"),
    Shape("azure", "AzC", r"(?<![A-Za-z0-9+/])([A-Za-z0-9+/]{30,80}(?:AzC[a-z]|AzSe)[A-Za-z0-9+/]{5,10}={0,2})"),
    Shape("azure", "sig=", r"[?&;]sig=([A-Za-z0-9%+/=_-]{20,200})"),
    Shape("telegram", ":", r"(?<![0-9])([0-9]{8,10}:[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])"),
    Shape("discord", ".", r"(?<![A-Za-z0-9_-])([MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40})"),
    Shape("mailchimp", "-us", r"(?<![A-Za-z0-9])([0-9a-f]{32}-us[0-9]{1,2})(?![0-9])"),
    Shape("newrelic", "NRAL", r"(?<![A-Za-z0-9])([0-9a-zA-Z]{32,40}NRAL)"),
    Shape("terraform", ".atlasv1.", r"(?<![A-Za-z0-9])([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,80})"),
    Shape("maxmind", "_mmk", r"(?<![A-Za-z0-9])([A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk)"),
    # A webhook's URL is its credential: api.slack.com, discord, Teams, Zapier, Google Chat, Tines
    Shape("webhook", "hooks.slack", r"hooks\.slack(?:-gov)?\.com/"
           r"(?:services|workflows|triggers)/([A-Za-z0-9+/_-]{20,120})"),
    Shape("webhook", "/api/webhooks/", r"/api/webhooks/([0-9]{15,21}/[A-Za-z0-9_-]{40,100})"),
    Shape("webhook", "office.com/webhook", r"office\.com/webhookb?2?/([A-Za-z0-9@/-]{60,300})"),
    Shape("webhook", "hooks.zapier", r"hooks\.zapier\.com/hooks/catch/([A-Za-z0-9/]{10,60})"),
    Shape("webhook", "/webhook/", r"tines\.com/webhook/([A-Za-z0-9/]{32,80})"),
    Shape("webhook", "maker.ifttt", r"maker\.ifttt\.com/trigger/[\w-]{1,60}/"
           r"(?:json/)?with/key/([A-Za-z0-9_-]{16,60})"),
    # RFC 3986 userinfo: scheme://user:password@host, scheme://token@host
    Shape("url-password", "@", r"[A-Za-z]://[^\s/@:\"'<>?#]{0,128}:(?!\d{1,5}[/?#])"
           r"([^\s\"'<>@/]{1,1024}(?:/[^\s\"'<>@]{0,768})?(?:@[^\s\"'<>@]{0,256}){0,3})"
           r"@(?=[A-Za-z0-9\[{$%-])"),
    Shape("url-token", "@", r"[A-Za-z]://(?=[^@\s]{0,256}\d)([A-Za-z0-9_~.=+%-]{20,256})@(?=[A-Za-z0-9])"),
    # Sentry's DSN carries its key as the user
    Shape("sentry", "://", r"://([0-9a-f]{32}(?::[0-9a-f]{32})?)@[A-Za-z0-9.-]{1,100}/\d"),
    # RFC 9110 credentials and RFC 6265 cookies
    Shape("authorization", "uthorization",
           r"(?i:authorization)\\{0,3}[\"']?[\])]?\s{0,4}(?:[:=,]|=>)\s{0,4}\\{0,3}[\"'`]?"
           r"(?:(?i:bearer|basic|token|digest|apikey|key|jwt|bot|splunk|ssws"
           r"|geniekey|klaviyo-api-key|discogs|aws4-hmac-sha256)\s{1,4}"
           r"|(?=[^\s\"'`\\]{0,40}[0-9]))([^\s\"'`\\<>{$(][^\s\"'`\\<>]{5,4096}"
           r"(?:,\s?[A-Za-z]{1,20}=[^\s\"'`,]{1,512}){0,8})"),
    Shape("bearer", "earer ", r"(?<![A-Za-z])[Bb]earer ((?=[^\s\"'`]{0,256}[0-9_])[A-Za-z0-9_~+/.=-]{8,4096})"),
    Shape("basic", "asic ", r"(?<![A-Za-z])[Bb]asic ((?=[A-Za-z0-9+/]{0,64}[0-9=])"
           r"(?=[A-Za-z0-9+/]{0,64}[A-Z])[A-Za-z0-9+/]{8,1024}={0,2})"),
    Shape("cookie", "ookie", r"(?i:cookie)\\{0,3}[\"']?\s{0,4}[:=,]\s{0,4}\\{0,3}[\"'`]?[\w.%-]{1,80}="
           r"([^\s;\"'`\\]{4,4096}(?:;\s?[\w.%-]{1,80}=[^\s;\"'`\\]{1,4096}){0,40})"),
    # The flags of clients that take a password
    Shape("password", "curl", r"curl[^\n]{0,200}?\s(?:-u|--user|--proxy-user|-U)[ =]?[\"']?"
           r"[^\s:\"'$<]{1,128}:([^\s\"'$<{][^\s\"']{2,256})"),
    Shape("password", " -", r"(?:sshpass|mysql|mysqldump|mysqladmin|mariadb|docker login|podman login"
           r"|helm registry login|az login|redis-cli"
           r"|ldapsearch|ldapadd|smbclient|mongosh?|mongodump|sqlcmd|keytool|zip|7z|ansible)[^\n]{0,160}?"
           r"\s-(?:pass|p|a|w|P)[ =]?[\"']?([^\s\"'$<{-][^\s\"']{4,256})"),
    Shape("password", "pass:", r"-pass(?:in|out)?\s{1,4}pass:([^\s\"'$<{][^\s\"']{2,256})"),
    Shape("password", "ass", r"(?i:passwords?|passwd|passphrase)(?: (?:for|to|of) [^\n]{1,40}?)? "
           r"(?:is|was) (?:[a-z]{1,12} )?[\"'`]?"
           r"((?=[^\s]{0,64}[0-9])(?=[^\s]{0,64}[A-Za-z])[A-Za-z0-9!@#$%^&*+_~-]{6,64})(?![A-Za-z0-9])"),
    Shape("password", "login", r"\blogin\s{1,4}[^\s]{1,128}\s{1,4}password\s{1,4}([^\s]{3,256})"),
)  # fmt: skip
