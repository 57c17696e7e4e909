"""What a terminal says where legacy files wait to be migrated."""

NOTICE = """\
╔════════════════════════════════════════════════════════════╗
║ Orchestrator File Structure Update                         ║
╠════════════════════════════════════════════════════════════╣
║ We're updating how orchestrator organizes its files.       ║
║                                                            ║
║ Old: Multiple .workflow_* files in your repository root    ║
║ New: Everything organized in a single .orchestrator/ folder║
║                                                            ║
║ Benefits:                                                  ║
║ • Cleaner repository root                                  ║
║ • Easier to gitignore (just .orchestrator/)                ║
║ • Better for using across multiple repositories            ║
║                                                            ║
║ Run 'orchestrator migrate' to update now                   ║
╚════════════════════════════════════════════════════════════╝"""
