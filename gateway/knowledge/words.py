"""Words as they are compared, the same for what is written and what is searched for.

Tried on English and German questions: the Porter stemmer finds "policies" by "policy" and ruins
German; comparing beginnings finds both, and "Urlaubsantrag" by "Urlaub". So a long word is also
searched for by its beginning, without its ending.

Scripts that put no spaces between words are split into single characters and searched for by
pairs of neighbours, which, unlike SQLite's trigrams, finds words of two characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

TOKENIZER = "unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc'"
"""For SQLite, of text that ``fold`` has been over (https://sqlite.org/fts5.html#unicode61_tokenizer).
Marks belong to words: Hindi writes its vowels by them."""

LONGEST_QUERY = 1000
MOST_TERMS = 40
LONGEST_WORD = 64
BEGINNING = 4
"""The shortest beginning of a word that others are found by."""

# Han, Kana, Bopomofo and Hangul; Thai, Lao, Myanmar and Khmer.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fff\u3005-\u3007"
    "\u3040-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7ff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_ONE = re.compile(f"([{_SPACELESS}])")
_RUN = re.compile(f"([{_SPACELESS}]+)")
_ACCENTS = re.compile("[\u0300-\u036f]")
_ENDING = re.compile(r"(?:ungen|ings?|ung|ies|ern|em|en|er|ed|es|e|n|s|y)$")

_COMMON = """
    a about an and any are as at be by can could do does for from has have how i if in is it its me
    my not of on or our should that the their there this to was we what when where which who why
    will with would you your
    aber als am an auch auf aus bei bin bis da das dass dem den der des die doch du ein eine einem
    einen einer es fur hat habe ich ihr im in ist kann mein mich mir mit muss nach nicht oder sich
    sie sind so soll um und uns vom von wann warum was wer wie wieviel wird wir wo zu zum zur
"""
_TELLS_NOTHING = frozenset(_COMMON.split())
_SPELT_OUT = re.compile("([aou])e")


def fold(text: str) -> str:
    """The text without differences of case, form and accents; spaceless scripts spaced."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if not folded.isascii():
        bare = _ACCENTS.sub("", unicodedata.normalize("NFD", folded))
        folded = _ONE.sub(r" \1 ", unicodedata.normalize("NFC", bare))
    return folded


def query(text: str) -> str:
    """What asks SQLite for any of the words; empty when there is none.

    Every word is quoted, and has nothing but letters, digits and marks: nothing that people write
    is read as FTS5's syntax.
    """
    terms = dict.fromkeys(term for word in _telling(text) for term in _terms(word))
    return " OR ".join(list(terms)[:MOST_TERMS])


def insides(text: str) -> list[str]:
    """What long words may be found by within others: German writes "Kündigungsfrist" in one, and
    who has no umlauts writes "kuendigen"."""
    long = [word for word in _telling(text) if len(word) > BEGINNING and not _ONE.search(word)]
    cores = [_core(word[:LONGEST_WORD]) for word in long]
    return list(dict.fromkeys([*cores, *(_SPELT_OUT.sub(r"\1", core) for core in cores)]))


def quoted(found: list[str]) -> str:
    """What asks SQLite for any of these words, which are some of its own."""
    return " OR ".join(f'"{word}"' for word in found[:MOST_TERMS])


def _telling(text: str) -> list[str]:
    found = list(dict.fromkeys(_words(text[:LONGEST_QUERY])))
    return [word for word in found if word not in _TELLS_NOTHING] or found


def _words(text: str) -> Iterator[str]:
    """The words of a query; of spaceless scripts, runs of characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", folded)))
    plain = "".join(char if unicodedata.category(char)[0] in "LNM" else " " for char in bare)
    for word in plain.split():
        yield from filter(None, _RUN.split(word))


def _terms(word: str) -> Iterator[str]:
    if _RUN.fullmatch(word):
        if len(word) == 1:
            yield f'"{word}"'
        for first, second in pairwise(word):
            yield f'"{first} {second}"'
        return
    word = word[:LONGEST_WORD]
    yield f'"{word}"'
    if len(word) >= BEGINNING:
        yield f'"{_core(word)}"*'


def _core(word: str) -> str:
    """A word without its ending, where enough is left."""
    latin = word[0] < "\u0250"
    # Of other alphabets no ending is known; most are a letter or two.
    core = _ENDING.sub("", word) if latin else word[:-1]
    return core if len(core) >= BEGINNING else word
