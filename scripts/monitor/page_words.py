# pure
"""The page's words in English and French, its times and its lengths of time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

LANGUAGES = ("en", "fr")
FRENCH = {
    "What is live where": "Ce qui est en ligne",
    "as of": "état du",
    "Skip to the content": "Aller au contenu",
    "Sections": "Rubriques",
    "Environments": "Environnements",
    "Uptime": "Disponibilité",
    "Response times": "Temps de réponse",
    "Incidents": "Incidents",
    "Backups and drills": "Sauvegardes et exercices",
    "Load tests": "Tests de charge",
    "How well is released": "Qualité des livraisons",
    "Releases": "Livraisons",
    "live since": "en ligne depuis",
    "released, but not served; on": "livrée, mais non servie ; le",
    "for {0} when this page was made": "depuis {0} à la création de cette page",
    "nothing is live yet": "rien n'est encore en ligne",
    "release": "livraison",
    "commit": "commit",
    "by": "par",
    "branch": "branche",
    "schema": "schéma",
    "all agree": "tout concorde",
    "problems": "problèmes",
    "waiting for {0}": "en attente pour {0}",
    "commits": "commits",
    "migrations": "migrations",
    "nothing waits": "rien n'attend",
    "the oldest since": "le plus ancien depuis",
    "Type next": "À taper ensuite",
    "No watch has run on this machine: `invoke monitor.watch`": (
        "Aucune surveillance n'a tourné sur cette machine : `invoke monitor.watch`"
    ),
    "no looks yet": "pas encore de mesures",
    "{0} up over 90 days": "{0} disponible sur 90 jours",
    "days with faults": "jours avec des pannes",
    "no day with faults": "aucun jour avec des pannes",
    "day": "jour",
    "up": "disponible",
    "median": "médiane",
    "95th percentile": "95e centile",
    "last 30 days; the dashed lines are releases": (
        "30 derniers jours ; les lignes pointillées sont des livraisons"
    ),
    "none": "aucun",
    "environment": "environnement",
    "check": "contrôle",
    "began": "début",
    "ended": "fin",
    "open": "en cours",
    "why": "raison",
    "since release": "depuis la livraison",
    "backup": "sauvegarde",
    "taken": "prise",
    "rows": "lignes",
    "size": "taille",
    "proof": "preuve",
    "restored and compared": "restaurée et comparée",
    "not proven": "non prouvée",
    "drill": "exercice",
    "passed": "réussi",
    "failed": "échoué",
    "what was caught": "ce qui a été détecté",
    "duration": "durée",
    "profile": "profil",
    "verdict": "verdict",
    "slowest endpoint, p95": "point d'accès le plus lent, p95",
    "last": "derniers",
    "releases a week": "livraisons par semaine",
    "lead time": "délai de livraison",
    "change-failure rate": "taux d'échec",
    "time to restore": "temps de rétablissement",
    "at": "date",
    "kind": "type",
    "ending": "résultat",
    "rollback": "retour arrière",
    "done": "réussie",
    "error": "erreur",
}


class Words(NamedTuple):
    """One language."""

    language: str

    def __call__(self, text: str, *values: object) -> str:
        """The text in this language, filled in; a word of the desk that has no translation stays."""
        known = FRENCH[text] if self.language == "fr" else text
        return known.format(*values)

    @property
    def colon(self) -> str:
        """With the space before it that French has."""
        return "\u00a0:" if self.language == "fr" else ":"

    def loose(self, word: str) -> str:
        """A word from the ledger, which may be one that this page does not know."""
        return FRENCH.get(word, word) if self.language == "fr" else word

    def number(self, value: float, digits: int = 0) -> str:
        """With the language's own separators."""
        text = f"{value:,.{digits}f}"
        return text.translate({44: "\u202f", 46: ","}) if self.language == "fr" else text

    def percent(self, ratio: float | None, digits: int = 0) -> str:
        """Of a whole; never rounded up to one."""
        if ratio is None:
            return "-"
        cut = int(ratio * 10 ** (digits + 2)) / 10**digits
        return self.number(cut, digits) + (" %" if self.language == "fr" else "%")

    def span(self, seconds: float | None) -> str:
        """A length of time in the unit that fits."""
        if seconds is None:
            return "-"
        for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
            if seconds >= size:
                named = "j" if (unit, self.language) == ("d", "fr") else unit
                return f"{self.number(seconds / size, 1 if seconds < 10 * size else 0)} {named}"
        return f"{self.number(seconds, 2 if 0 < seconds < 10 else 0)} s"


def moment(at: float) -> str:
    """`2030-01-31 14:05 UTC`: one form in both languages."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def date(at: float) -> str:
    """`2030-01-31`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
