"""Who says something, and whether it is the bot itself.

https://docs.slack.dev/reference/events/message
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.slack.fields import (
    JsonObject,
    a_detail,
    a_string,
    an_id,
    an_optional_id,
    details,
    in_one_line,
)
from adapters.slack.settings import SlackSettings
from gateway import Participant

_LONGEST_NAME = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Me:
    """Who the bot is, as far as it is known; empty: not yet."""

    user_id: str = ""
    bot_id: str = ""
    team_id: str = ""
    app_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What is known besides an event: who the bot is, what people are called, and the workspace.

    Whose an event is, it says itself, so that the bot is known even before the platform told.
    """

    user_ids: frozenset[str]
    bot_id: str
    app_ids: frozenset[str]
    names: Mapping[str, str]
    team: str
    channel_type: str
    in_view: bool
    settings: SlackSettings

    def wrote(self, message: JsonObject) -> bool:
        """Whether the bot sent this message, also by a `response_url`."""
        if a_string(message, "user") in self.user_ids:
            return True
        if self.bot_id and message.get("bot_id") == self.bot_id:
            return True
        apps = (a_string(message, "app_id"), a_string(a_detail(message, "bot_profile"), "app_id"))
        return not self.app_ids.isdisjoint(apps)


def around(update: JsonObject, body: JsonObject, me: Me, settings: SlackSettings) -> Around:
    """What an event says of itself, and what the adapter added to it."""
    added = a_detail(update, "gateway") or a_detail(body, "gateway")
    installed = details(body, "authorizations")
    bots = {an_optional_id(one, "user_id") for one in installed if one.get("is_bot") is True}
    known = {settings.bot_user_id, me.user_id}
    apps = {me.app_id, an_optional_id(body, "api_app_id")}
    return Around(
        user_ids=frozenset(known - {""}) or frozenset(bots - {""}),
        bot_id=me.bot_id,
        app_ids=frozenset(apps - {""}),
        names=a_detail(added, "names"),
        team=_team(body, installed, me),
        channel_type=a_string(added, "channel_type"),
        in_view=added.get("in_view") is True,
        settings=settings,
    )


def author(message: JsonObject, path: str, here: Around) -> Participant | str:
    """Who wrote it, or why what they say is not heard. Raises `UnreadableUpdate`."""
    if here.wrote(message):
        return "the bot's own message"
    if message.get("bot_id") or message.get("subtype") == "bot_message":
        return _bot(message, path) if here.settings.answer_bots else "another bot's message"
    if message.get("user") == "USLACKBOT":
        return "Slack's own message"
    return person(an_id(message, "user", path), a_detail(message, "user_profile"), here)


def person(user_id: str, profile: JsonObject, here: Around) -> Participant:
    """Somebody by their id, called as the adapter knows them or as the event says."""
    known = here.names.get(user_id)
    said = known if isinstance(known, str) and known else _name(profile)
    return Participant(id=user_id, name=in_one_line(said, _LONGEST_NAME))


def _bot(message: JsonObject, path: str) -> Participant:
    """Another bot: its user if it has one, or else the integration."""
    profile = a_detail(message, "bot_profile")
    name = a_string(message, "username") or a_string(profile, "name")
    user = an_optional_id(message, "user") or an_id(message, "bot_id", path)
    return Participant(id=user, name=in_one_line(name, _LONGEST_NAME))


def _name(profile: JsonObject) -> str:
    for field in ("display_name", "real_name", "name", "username"):
        if name := a_string(profile, field):
            return name
    return ""


def _team(body: JsonObject, installed: list[JsonObject], me: Me) -> str:
    """The workspace it happened in. In an organisation, `team_id` may be the organisation's."""
    said = (
        body.get("context_team_id"),
        *(one.get("team_id") for one in installed),
        body.get("team_id"),
        a_detail(body, "team").get("id"),
        a_detail(body, "user").get("team_id"),
        me.team_id,
    )
    return next((team for team in said if isinstance(team, str) and team.startswith("T")), "")
