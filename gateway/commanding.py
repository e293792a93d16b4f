"""What a command needs that takes asking: the facts it decides by, and what it has done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway import commands
from gateway.channels import Channel
from gateway.commands import SESSIONS_SHOWN, Command, Decision, Facts
from gateway.domain import Delivery
from gateway.lane import Lane
from gateway.ports.records import LaneScope
from gateway.ports.store import Store
from gateway.privacy import Privacy
from gateway.receipts import CONFIRMED
from gateway.seen import Seen


class Commanding:
    """Decides on commands, with what they may know of the place they were given in."""

    def __init__(self, *, store: Store, privacy: Privacy) -> None:
        self._store = store
        self._privacy = privacy

    async def decide(
        self, lane: Lane, seen: Seen, channel: Channel, agent: str, command: Command
    ) -> Decision:
        """What the command comes to. Nothing of it is committed yet; what it erases is gone."""
        if command.name == "forget":
            confirmed = command.rest.casefold() == CONFIRMED
            return await self._privacy.forget(lane, seen, channel, confirmed=confirmed)
        if command.name == "export":
            return await self._privacy.export(lane, seen, channel)
        facts = _facts(lane, seen, channel, agent)
        if command.name == "sessions":
            facts = await self._with_sessions(lane, seen, facts)
        return commands.decide(command, facts)

    def done(self, decision: Decision, deliveries: Sequence[Delivery]) -> None:
        """It is committed, with these to be sent."""
        self._privacy.done(decision, deliveries)

    async def _with_sessions(self, lane: Lane, seen: Seen, facts: Facts) -> Facts:
        """Every session of this lane; where a token opens each, there is only one."""
        if seen.transcript:
            return replace(facts, sessions=(seen.session,))
        scope = LaneScope(lane_id=lane.id)
        found = await self._store.sessions_on(scope, facts.agent, SESSIONS_SHOWN)
        return replace(facts, sessions=found)


def _facts(lane: Lane, seen: Seen, channel: Channel, agent: str) -> Facts:
    row, who = lane.current[0], seen.inbound.participant
    memory = lane.memory.get(agent)
    admin = not channel.admins or bool(channel.admins.intersection((who.id, *who.aliases)))
    return Facts(
        session=seen.session if seen.stored else None,
        participant=who,
        channel=channel.name,
        agent=agent,
        rule=row.boundary.rule.value,
        shared=row.boundary.shared,
        may_reset=admin or not row.boundary.shared,
        waiting=len(lane.rows) - len(lane.current),
        now=seen.now,
        recent=tuple(memory.window) if memory else (),
        agents=channel.agents,
        elsewhere=bool(seen.inbound.agent),
    )
