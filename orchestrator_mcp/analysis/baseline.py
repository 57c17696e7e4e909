"""What the tool itself ships: the default workflow, whose names of items and phases say nothing about a project."""

PHASES = ("PLAN", "EXECUTE", "TDD", "IMPL", "REVIEW", "VERIFY", "DOCUMENT", "LEARN")

PHASE0_CHECK = "parallel_execution_check"
LEARNINGS_ITEM = "document_learnings"
FEEDBACK_ITEM = "capture_workflow_feedback"

MUST, SHOULD, MAY = (True, False), (True, True), (False, True)
"""Whether an item is required, and whether it may be skipped (with a reason)."""

WORKFLOW = (
    (
        "PLAN",
        "Plan and scope",
        (
            (PHASE0_CHECK, "Decide which parts several agents could do at once", SHOULD),
            ("check_roadmap", "Look for roadmap items that belong to this task", MAY),
            ("clarifying_questions", "Ask what is unclear, each question with a recommended answer", SHOULD),
            ("initial_plan", "Write the plan", MUST),
            ("risk_analysis", "Name what could go wrong, and what it would touch", SHOULD),
            ("define_test_cases", "Define the test cases", MUST),
            ("user_approval", "Have the person approve the plan", MUST),
        ),
    ),
    (
        "EXECUTE",
        "Implement",
        (
            ("handoff_decision", "Decide which agent implements it, and why", SHOULD),
            ("write_tests", "Write the tests first, and see them fail", MUST),
            ("implement_code", "Write the code that makes them pass", MUST),
            ("all_tests_pass", "Run the tests until all pass", MUST),
        ),
    ),
    (
        "REVIEW",
        "Review",
        (
            ("security_review", "Review for security", MUST),
            ("quality_review", "Review code quality, edge cases and error handling", SHOULD),
            ("architecture_review", "Review whether it fits the architecture", SHOULD),
            ("consistency_review", "Review whether it fits the rest of the code", MAY),
            ("holistic_review", "Review it as a sceptical senior engineer would", MAY),
            ("vibe_coding_review", "Look for invented APIs, plausible wrong logic and tests that test nothing", MAY),
            ("refactoring_assessment", "Assess what should be refactored because of it", MAY),
            ("collect_review_results", "Collect what the reviews found, and settle it", SHOULD),
        ),
    ),
    (
        "VERIFY",
        "Verify",
        (
            ("full_test_suite", "Run the whole test suite", MUST),
            ("visual_regression_test", "Compare screenshots, if anything visible changed", SHOULD),
            ("manual_smoke_test", "Try the core of it by hand", SHOULD),
        ),
    ),
    (
        "LEARN",
        "Learn and document",
        (
            ("root_cause_analysis", "Find the root cause of what went wrong", SHOULD),
            (LEARNINGS_ITEM, "Write down what was learned; its notes become feedback", MUST),
            ("propose_actions", "Propose what to change because of it", SHOULD),
            ("approve_actions", "Have the person approve the proposals", SHOULD),
            ("apply_approved_actions", "Apply what was approved", SHOULD),
            ("update_knowledge_base", "Update the knowledge base", MAY),
            ("update_documentation", "Update changelog, README and other documents for users", SHOULD),
            ("commit_and_sync", "Commit and push, if the person agrees", SHOULD),
            (FEEDBACK_ITEM, "Call record_feedback", SHOULD),
        ),
    ),
)
"""Phases with their items, in order: id, name, and the rule of each item. Used where a project has no workflow.yaml."""

ITEMS = frozenset(item for _, _, items in WORKFLOW for item, _, _ in items)
