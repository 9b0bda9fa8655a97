"""/metrics of a running process, read as Prometheus reads it."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from media.packet_paths import chosen
from tests.support.service_under_test import service_under_test, trunk

GAUGES = {
    "maskbridge_live_calls",
    "maskbridge_ready",
    "maskbridge_sip_connections",
    "maskbridge_database_files_astray",
    "maskbridge_event_streams",
    "maskbridge_loop_delay_seconds",
    "maskbridge_trace_steps_waiting",
    "maskbridge_trunk_up",
    "maskbridge_trunk_live_calls",
    "maskbridge_trunk_destinations",
    "maskbridge_trunk_destinations_open",
    "maskbridge_trunk_cps_waiting",
    "maskbridge_trunk_options_seconds",
    "maskbridge_journal_backlog",
    "maskbridge_ledger_discrepancies",
    "maskbridge_ledger_checked_at_seconds",
    "maskbridge_ledger_check_took_seconds",
    "maskbridge_recordings_queue_length",
    "maskbridge_recordings_live",
    "maskbridge_webhooks_in_flight",
    "maskbridge_mp3_peak_memory_bytes",
    "maskbridge_mp3_queue_length",
    "maskbridge_mp3_workers",
    "maskbridge_mp3_workers_busy",
    "maskbridge_media_legs",
    "maskbridge_media_listeners",
    "maskbridge_media_ports_left",
    "maskbridge_media_streams",
    "maskbridge_media_commands_waiting",
    "maskbridge_media_conversions",
    "maskbridge_media_forked_calls",
    "maskbridge_streams_live",
    "maskbridge_media_packet_path_info",
    "maskbridge_media_running",
}


async def test_every_room_is_told_of_and_what_only_grows_is_a_counter(tmp_path: Path) -> None:
    async with service_under_test(tmp_path, [trunk("carrier", 5060)]) as service:
        reply = await service.client.fetch(f"{service.url}/metrics")
    families = {family.name: family for family in text_string_to_metric_families(reply.body.decode())}
    ours = {name: family.type for name, family in families.items() if name.startswith("maskbridge_")}
    assert {name for name, kind in ours.items() if kind == "gauge" and not name.endswith("_created")} == GAUGES
    (told,) = families["maskbridge_media_packet_path_info"].samples
    assert (told.labels, told.value) == ({"path": chosen()}, 1.0)
    assert {
        "maskbridge_calls_placed",
        "maskbridge_journal_given_up",
        "maskbridge_media_packets_relayed",
        "maskbridge_recorder_recording_gap_frames",
        "maskbridge_sip_connections_accepted",
        "maskbridge_sip_connections_failed_certificate",
        "maskbridge_sip_connections_opened",
        "maskbridge_sip_strangers",
        "maskbridge_webhooks_dead",
        "maskbridge_webhooks_delivered",
    } <= {name for name, kind in ours.items() if kind == "counter"}
