"""What help and the manual say of commands beside their flags: what each is for, how it is typed, how it ends."""

from __future__ import annotations

# What a command is for, and lines that people type. A test reads each of them, and finds every command here once.
GUIDE: dict[str, dict[str, tuple[str, ...]]] = {
    "Start here": {
        "init": ("bisync init", "bisync init --provider s3 --bucket b"),
        "login": ("bisync login", "bisync login --no-browser"),
        "setup": ("bisync setup", "bisync setup --dry-run", "bisync setup notes --rotate"),
        "validate": ("bisync validate", "bisync validate team/bisync.yaml", "bisync validate --json"),
        "show": ("bisync show", "bisync show notes --json"),
        "migrate": ("bisync migrate", "bisync migrate ~/old -n"),
        "demo": ("bisync demo",),
    },
    "Sync": {
        "sync": (
            "bisync sync",
            "bisync sync notes work",
            "bisync sync -n",
            "bisync sync -q",
            "bisync sync --watch",
        ),
        "status": ("bisync status", "bisync status notes --json"),
        "plan": (
            "bisync plan",
            "bisync plan --out today.json",
            "bisync plan -q --exit-code",
            "bisync plan --html plan.html",
        ),
        "diff": ("bisync diff", "bisync diff ideas.md"),
        "check": ("bisync check", "bisync check 'work/**/*.md'"),
    },
    "Conflicts": {
        "conflicts": ("bisync conflicts", "bisync conflicts --diff"),
        "resolve": (
            "bisync resolve ideas.md --keep newer",
            "bisync resolve ideas.md --tool meld",
            "bisync resolve --all --keep both",
        ),
    },
    "Look back, take back": {
        "history": ("bisync history", "bisync history notes --limit 5"),
        "log": ("bisync log", "bisync log ideas.md"),
        "restore": ("bisync restore ideas.md", "bisync restore work/ --at 2h"),
        "undo": ("bisync undo --dry-run", "bisync undo"),
    },
    "What is synced": {
        "explain": ("bisync explain draft.md .env",),
        "filters": ("bisync filters notes",),
        "prune": ("bisync prune", "bisync prune --yes"),
    },
    "In the background": {
        "schedule": (
            "bisync schedule install",
            "bisync schedule install --interval 1h",
            "bisync schedule show",
        ),
    },
    "When something is wrong": {
        "doctor": ("bisync doctor",),
        "unlock": ("bisync unlock", "bisync unlock --yes"),
    },
    "The rest": {
        "completion": ("bisync completion bash",),
        "schema": ("bisync schema", "bisync schema status"),
        "logout": ("bisync logout",),
    },
}

EXIT_CODES = {
    0: "done, nothing to do, or in sync",
    1: "failed, or files were left out; a retry may help",
    2: "the manifest, an ignore rule or the command line says something it cannot mean",
    3: "differences or conflicts are left, or something that was asked for is not there",
    4: "refused by a guard, or not agreed to yet; nothing was written",
    5: "needs a baseline, or has one of another place",
    6: "another run holds the lock, or another device the lease",
    130: "interrupted",
}

# Of the environment, and of files: what the manual names.
VARIABLES = {
    "BISYNC_MANIFEST": "the manifest to use, where no --manifest is given",
    "BISYNC_MERGETOOL": "the program that resolve opens for a merge, where no --tool is given",
    "NO_COLOR": "no colours, where it says anything",
    "RCLONE_CONFIG": "the rclone.conf to use, where the manifest names none",
}
FILES = {
    "bisync.yaml": "the manifest: in this folder or above it, else ~/.config/bisync/bisync.yaml",
    "bisync.local.yaml": "beside it, laid over it: what is different on this machine",
    "~/.basic-memory/": "what is remembered of each sync, and what its runs took away (the trash)",
    "~/.local/state/bisync/": "what the manifests were allowed to do",
}


def grouped(known: list[str]) -> dict[str, list[str]]:
    """The known commands by what they are for; those that the guide does not name yet come last."""
    groups = {title: [name for name in lines if name in known] for title, lines in GUIDE.items()}
    named = {name for names in groups.values() for name in names}
    rest = [name for name in known if name not in named]
    return {**groups, **({"More": rest} if rest else {})}


def examples(name: str) -> tuple[str, ...]:
    """What people type who want this command."""
    return next((lines[name] for lines in GUIDE.values() if name in lines), ())
