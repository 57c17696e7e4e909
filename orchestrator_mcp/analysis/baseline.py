"""What the tool itself ships: the names of items and phases that say nothing about a project."""

PHASES = ("PLAN", "EXECUTE", "TDD", "IMPL", "REVIEW", "VERIFY", "DOCUMENT", "LEARN")

PHASE0_CHECK = "parallel_execution_check"
LEARNINGS_ITEM = "document_learnings"

ITEMS = frozenset(
    {
        "all_tests_pass",
        "apply_approved_actions",
        "approve_actions",
        "architecture_review",
        "capture_workflow_feedback",
        "check_roadmap",
        "clarifying_questions",
        "collect_review_results",
        "commit_and_sync",
        "consistency_review",
        "define_test_cases",
        LEARNINGS_ITEM,
        "full_test_suite",
        "handoff_decision",
        "holistic_review",
        "implement_code",
        "initial_plan",
        "manual_smoke_test",
        PHASE0_CHECK,
        "propose_actions",
        "quality_review",
        "refactoring_assessment",
        "risk_analysis",
        "root_cause_analysis",
        "security_review",
        "update_documentation",
        "update_knowledge_base",
        "user_approval",
        "vibe_coding_review",
        "visual_regression_test",
        "write_tests",
    }
)
