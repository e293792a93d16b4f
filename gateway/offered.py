"""The commands that people are offered, and in what words: in ``/help``, and by platforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.ports.adapter import NativeCommand

DESCRIPTIONS: Mapping[str, str] = {
    "reset": "forget this conversation and start afresh",
    "new": "start afresh; text after it is the first message",
    "stop": "stop the answer that is being written",
    "status": "where this conversation stands",
    "history": "what was said lately",
    "name": "give this conversation a name",
    "sessions": "your conversations here; with a number, go on in that one",
    "agent": "who answers you here; with a name, talk to that one",
    "whoami": "how the gateway knows you",
    "export": "a file with everything that is kept of you",
    "forget": "what is kept of you; with yes, erase it for good",
    "help": "what you can do here",
}
"""The commands offered natively where the platform can, in this order."""

_TRANSLATED: Mapping[str, Mapping[str, str]] = {
    "de": {
        "reset": "diese Unterhaltung vergessen und neu beginnen",
        "new": "neu beginnen; was danach steht, ist die erste Nachricht",
        "stop": "die laufende Antwort abbrechen",
        "status": "wie es um diese Unterhaltung steht",
        "history": "was zuletzt gesagt wurde",
        "name": "dieser Unterhaltung einen Namen geben",
        "sessions": "deine Unterhaltungen hier; mit einer Nummer dort weiterreden",
        "agent": "wer dir hier antwortet; mit einem Namen mit diesem Agenten reden",
        "whoami": "wie das Gateway dich kennt",
        "export": "eine Datei mit allem, was über dich gespeichert ist",
        "forget": "was über dich gespeichert ist; mit yes alles endgültig löschen",
        "help": "was du hier tun kannst",
    },
    "es": {
        "reset": "olvidar esta conversación y empezar de nuevo",
        "new": "empezar de nuevo; lo que siga es el primer mensaje",
        "stop": "detener la respuesta en curso",
        "status": "cómo va esta conversación",
        "history": "lo último que se dijo",
        "name": "dar un nombre a esta conversación",
        "sessions": "tus conversaciones aquí; con un número, seguir en esa",
        "agent": "quién te responde aquí; con un nombre, hablar con ese agente",
        "whoami": "cómo te conoce la pasarela",
        "export": "un archivo con todo lo que se guarda de ti",
        "forget": "lo que se guarda de ti; con yes, borrarlo para siempre",
        "help": "lo que puedes hacer aquí",
    },
    "fr": {
        "reset": "oublier cette conversation et repartir de zéro",
        "new": "repartir de zéro ; la suite est le premier message",
        "stop": "arrêter la réponse en cours",
        "status": "où en est cette conversation",
        "history": "ce qui vient d'être dit",
        "name": "donner un nom à cette conversation",
        "sessions": "vos conversations ici ; avec un numéro, reprendre celle-là",
        "agent": "qui vous répond ici ; avec un nom, parler à cet agent",
        "whoami": "sous quel nom la passerelle vous connaît",
        "export": "un fichier avec tout ce qui est gardé de vous",
        "forget": "ce qui est gardé de vous ; avec yes, l'effacer pour toujours",
        "help": "ce que vous pouvez faire ici",
    },
    "pt": {
        "reset": "esquecer esta conversa e começar de novo",
        "new": "começar de novo; o que vier a seguir é a primeira mensagem",
        "stop": "parar a resposta em andamento",
        "status": "como está esta conversa",
        "history": "o que foi dito por último",
        "name": "dar um nome a esta conversa",
        "sessions": "suas conversas aqui; com um número, continuar nela",
        "agent": "quem responde aqui; com um nome, falar com esse agente",
        "whoami": "como o gateway conhece você",
        "export": "um arquivo com tudo o que se guarda de você",
        "forget": "o que se guarda de você; com yes, apagar para sempre",
        "help": "o que você pode fazer aqui",
    },
    "ru": {
        "reset": "забыть этот разговор и начать заново",
        "new": "начать заново; текст после команды станет первым сообщением",
        "stop": "остановить текущий ответ",
        "status": "как обстоят дела с этим разговором",
        "history": "что было сказано в последнее время",
        "name": "дать этому разговору имя",
        "sessions": "ваши разговоры здесь; с номером — продолжить тот",
        "agent": "кто здесь отвечает; с именем — говорить с этим агентом",
        "whoami": "под каким именем вас знает шлюз",
        "export": "файл со всем, что о вас хранится",
        "forget": "что о вас хранится; с yes — стереть навсегда",
        "help": "что здесь можно делать",
    },
}
_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "new": {
        "en": "the first message of the new conversation",
        "de": "die erste Nachricht der neuen Unterhaltung",
        "es": "el primer mensaje de la nueva conversación",
        "fr": "le premier message de la nouvelle conversation",
        "pt": "a primeira mensagem da nova conversa",
        "ru": "первое сообщение нового разговора",
    },
    "name": {
        "en": "what to call it",
        "de": "wie sie heißen soll",
        "es": "cómo llamarla",
        "fr": "comment l'appeler",
        "pt": "como chamá-la",
        "ru": "как его назвать",
    },
    "sessions": {
        "en": "the number of the one to go on in",
        "de": "die Nummer der Unterhaltung, die weitergehen soll",
        "es": "el número de la que se retoma",
        "fr": "le numéro de celle à reprendre",
        "pt": "o número da que continua",
        "ru": "номер того, который продолжить",
    },
    "agent": {
        "en": "the name of the one to talk to",
        "de": "der Name des Agenten, mit dem es weitergeht",
        "es": "el nombre de aquel con quien hablar",
        "fr": "le nom de celui à qui parler",
        "pt": "o nome daquele com quem falar",
        "ru": "имя того, с кем говорить",
    },
    "forget": {
        "en": "yes, to erase it",
        "de": "yes, um es zu löschen",
        "es": "yes, para borrarlo",
        "fr": "yes, pour l'effacer",
        "pt": "yes, para apagar",
        "ru": "yes, чтобы стереть",
    },
}
_PERSONAL = frozenset({"history", "sessions", "whoami"})

NATIVE = tuple(
    NativeCommand(
        name=name,
        descriptions={"en": text, **{lang: words[name] for lang, words in _TRANSLATED.items()}},
        personal=name in _PERSONAL,
        argument=_ARGUMENTS.get(name, {}),
    )
    for name, text in DESCRIPTIONS.items()
)
"""The same as platforms are offered them; see `native`."""
_OF_SEVERAL = frozenset({"agent"})
"""Commands that make sense only where there are several agents."""


def native(agents: Sequence[str]) -> tuple[NativeCommand, ...]:
    """What a channel with these agents offers natively."""
    return tuple(command for command in NATIVE if offered(command.name, agents))


def offered(name: str, agents: Sequence[str]) -> bool:
    """Whether a channel with these agents offers the command."""
    return name not in _OF_SEVERAL or len(agents) > 1
