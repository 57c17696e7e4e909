"""Which words may an error of the orchestrator's own be told in? None that a project could have chosen."""

import re

MAX_WORDS = 24

NUMBER, TEXT, PATH = "<num>", "<str>", "<path>"

_COMMANDS = """
    orchestrator orchestrator-mcp init start status complete skip advance finish abandon note event pause resume
    show list new switch clean workflow session checkpoint create feedback review sync failure log search
    pattern merge split ignore group rules suggest approve reject defer revise apply revert verify effect
    telemetry rate ranking stats report export migrate import-legacy doctor check recall forget board collector
    hook demo config set get secrets snapshot import persist save restore prd spawn health handoff analyze learn
    validate-adherence"""
_ERRORS = """
    arithmeticerror assertionerror attributeerror blockingioerror brokenpipeerror connectionerror eoferror
    filenotfounderror fileexistserror importerror indexerror ioerror isadirectoryerror jsondecodeerror keyerror
    keyboardinterrupt memoryerror modulenotfounderror nameerror notadirectoryerror notimplementederror oserror
    overflowerror permissionerror recursionerror runtimeerror stopiteration syntaxerror systemexit timeouterror
    typeerror unboundlocalerror unicodedecodeerror unicodeencodeerror validationerror valueerror
    zerodivisionerror toolerror mcperror orchestratorerror invalidinputerror notfounderror stateconflicterror
    workspacebusyerror foreignstoreerror readonlyerror configerror storageerror storagefullerror
    uncertainwriteerror unsafepatherror migrationerror"""
_PLAIN = """
    a an the is was were are be been has have had do does did not no none of in on at to for from with without
    by as and or but if it this that than then there here already yet active argument arguments attribute
    available bad base bytes call cannot char character choice choices column command could current data decode
    default denied device did dict directory does empty encode encoding end errno error errors exist exists exit
    expected expecting failed failure false fatal field file files folder format found given got hint id index
    input int integer internal invalid item items json key keyword length line link list loads lock locked long
    many map match message method missing mode module more must name named nonetype null number object objects
    open operation option optional options out parse parsed path permission phase phases position positional
    project property range read readable recognized refused required root run running select server session
    sessions space state status step str string such support supported symbolic takes temporarily time timed
    timeout too tool traceback true try tuple type unable unbound unexpected unknown unrecognized unsupported
    usage utf-8 value values version while workflow workflows write written wrong yaml"""
VOCABULARY = frozenset({NUMBER, TEXT, PATH, *_COMMANDS.split(), *_ERRORS.split(), *_PLAIN.split()})

_QUOTED = re.compile(r"'[^'\n]{0,300}'|\"[^\"\n]{0,300}\"|`[^`\n]{0,300}`")
_PATH = re.compile(r"(?:[A-Za-z]:|~|\.{1,2})?[\\/]\S{0,300}|\S{1,200}[\\/]\S{1,200}")
_NUMBER = re.compile(r"(?<![\w.-])[-+]?\d[\d.,]{0,30}(?![\w-])")
_EDGES = "()[]{},;.!?"


def template_of(error: str) -> str | None:
    """The error with what varies masked, in words of the closed vocabulary; None if it needs any other word."""
    text = error.split("\n", 1)[0]
    for shape, mask in ((_QUOTED, TEXT), (_PATH, PATH), (_NUMBER, NUMBER)):
        text = shape.sub(f" {mask} ", text)
    words = [word.strip(_EDGES) for word in text.lower().split()]
    template = " ".join(word for word in words if word.strip(":-"))
    return template if is_template(template) else None


def is_template(text: str) -> bool:
    """Whether a text is made of the vocabulary alone."""
    words = text.split(" ")
    return len(words) <= MAX_WORDS and all(word.removesuffix(":") in VOCABULARY for word in words)
