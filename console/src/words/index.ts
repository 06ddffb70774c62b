// Every word that a person reads comes from here. `m` follows the chosen language without a reload.

import { m } from "./generated/messages.js";
import { overwriteGetLocale, type Locale } from "./generated/runtime.js";

export { m, overwriteGetLocale, type Locale };

type Word = () => string;

/** The words for a reason of the closed lists; a reason of tomorrow is shown as it is spelt. */
export function reasonWords(reason: string): string {
  const table: Record<string, Word> = {
    starting: m.reason_starting,
    "no-background": m.reason_no_background,
    "too-dark": m.reason_too_dark,
    shaking: m.reason_shaking,
    "light-switched": m.reason_light_switched,
    detector: m.reason_detector,
    settling: m.reason_settling,
    gap: m.reason_gap,
    "other-size": m.reason_other_size,
    unlike: m.reason_unlike,
    faint: m.reason_faint,
    "condition-changed": m.reason_condition_changed,
    damaged: m.reason_damaged,
    "no-connection": m.reason_no_connection,
    late: m.reason_late,
    fault: m.reason_fault,
    "no-fence": m.reason_no_fence,
    "veiler-ended": m.reason_veiler_ended,
    "no-nursery": m.reason_no_nursery,
    "no-pictures": m.reason_no_pictures,
    "camera-unreachable": m.reason_camera_unreachable,
    "camera-silent": m.reason_camera_silent,
    "camera-refused": m.reason_camera_refused,
    "camera-misbehaved": m.reason_camera_misbehaved,
    loss: m.reason_loss,
    "waiting-for-key-frame": m.reason_waiting_for_key_frame,
    overload: m.reason_overload,
    storage: m.reason_storage,
    restart: m.reason_restart,
    clock: m.reason_clock,
    "not-assigned": m.reason_not_assigned,
    "cannot-seal": m.reason_cannot_seal,
    unknown: m.state_unknown,
  };
  return (table[reason] ?? (() => reason))();
}

export function recordingWords(state: string): string {
  const table: Record<string, Word> = {
    recording: m.state_recording,
    connecting: m.state_connecting,
    away: m.state_away,
    "cannot-seal": m.state_cannot_seal,
    "not-assigned": m.state_not_assigned,
    unknown: m.state_unknown,
  };
  return (table[state] ?? m.state_unknown)();
}

export function roleWords(role: string): string {
  const table: Record<string, Word> = {
    operator: m.role_operator,
    supervisor: m.role_supervisor,
    administrator: m.role_administrator,
    investigator: m.role_investigator,
    "data-protection": m.role_data_protection,
  };
  return (table[role] ?? (() => role))();
}

/** The usual conditions of a background. */
export const CONDITIONS: readonly string[] = ["day", "dusk", "night", "infra-red", "rain"];

/** A background's condition: the usual ones by name, others as they were called. */
export function conditionWords(condition: string): string {
  const table: Record<string, Word> = {
    day: m.condition_day,
    dusk: m.condition_dusk,
    night: m.condition_night,
    "infra-red": m.condition_infrared,
    rain: m.condition_rain,
  };
  return (table[condition] ?? (() => condition))();
}
