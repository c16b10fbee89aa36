"""Why something cannot be, in words: violations that only a proposal meets."""

from __future__ import annotations

from gis.planning.report import Violation
from gis.texts import Language, text


class Reason(Violation):
    """A violation whose words are the text ``proposals.reason.<rule>``.

    ``total_between`` and ``total_below`` (``_here`` for one piece of several) say that no whole number of
    grids holds the households; ``compound_above`` that a compound is too large to stay whole;
    ``parts_unavoidable`` that nothing joins the pieces of a unit; ``not_found`` that the search, not the
    question, is to blame.
    """

    def words(self, language: Language = "zh") -> str:
        """Say the reason in words.

        Parameters
        ----------
        language
            ``zh`` or ``en``.

        Returns
        -------
        str
            Plain text, not escaped for anything.
        """
        subjects = ("、" if language == "zh" else ", ").join(self.subjects)
        return text(f"proposals.reason.{self.rule}", language, **{"subjects": subjects, **self.facts})
