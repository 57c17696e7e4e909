"""Which English words hold a sentence together without saying what it is about?"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PERSONAL_WORDS = _words("i my me we our you your i'm i've i'd what's how what why who please")
FUNCTION_WORDS = PERSONAL_WORDS | _words("""
    a an the it its this that these those is are was were be been am do does did can could should would will have
    has had when where which if so but and or to for of in on with without not no n't there here just use used using
    instead must may might only by at from as than then also
""")
# What every other programming language calls its statements.
KEYWORDS = _words("""
    if else elif for while do switch case return yield break continue raise throw try except catch finally with import
    class def function lambda await async and or not in is
""")
# What advice is made of as well: "always do this instead of that".
EMPTY_WORDS = _words("""
    a an the i my me we our you your it its this that these those is are was were be been am do does did can could
    will would have has had so but and or to for of in on with at as by from if then than there here just please
    use uses used using not no never always must should before after instead add only all when
    check make sure ensure
""")
