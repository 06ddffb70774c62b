// Shows what api/status says, every two seconds; keeps nothing but what is unfolded.
import { showCards } from "./cards.js";
import { STATES, duration, element, instant, named, pairs, plural, reasonWords, shortInstant } from "./words.js";

const PERIOD_MS = 2000;
const PATIENCE_MS = 8000;
const FIRST_GAPS = 8;
const at = (id) => document.getElementById(id);

let allGaps = false;
let latest = null;
let latestAt = null;
const shown = new Map();

// Runs `draw` only when what it draws has changed, so that selections, focus and screen readers are left alone.
function changed(id, value, draw) {
  const text = JSON.stringify(value);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  draw();
}

function setText(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

function showNetwork(network) {
  document.title = network.name ? `${network.name} · Custodes` : "Custodes";
  setText("name", network.name ?? "Custodes");
  setText("network-id", network.id);
  at("rehearsal").hidden = !network.rehearsal;
  const slot = network.slot_s === 60 ? "" : ` A slot is ${duration(network.slot_s ?? 60)} instead of 60 s.`;
  setText("rehearsal", `Rehearsal network, with shorter periods than the normal ones: not for real footage.${slot}`);
  setText("quorum", network.quorum ? `${network.quorum} of ${network.custodians}` : "a quorum of the");
}

function overallWords(cameras, network) {
  if (cameras.length === 0) return network.name === null ? "not known" : "no camera";
  const recording = cameras.filter((camera) => camera.state === "recording").length;
  const unknown = cameras.filter((camera) => camera.state === "unknown").length;
  const words = `${recording} of ${plural(cameras.length, "camera", "cameras")} recording`;
  return unknown ? `${words}, ${unknown} not known` : words;
}

function overallTone(cameras, alarms) {
  if (cameras.some((camera) => STATES[camera.state]?.[1] === "bad")) return "bad";
  const allWell = cameras.length > 0 && cameras.every((camera) => camera.state === "recording");
  return allWell && alarms.length === 0 ? "good" : "warn";
}

function showOverall({ cameras, alarms, network }) {
  setText("overall", overallWords(cameras, network));
  at("overall").className = `badge ${overallTone(cameras, alarms)}`;
  at("no-cameras").hidden = cameras.length > 0;
  setText("no-cameras", network.name === null
    ? "Not known: neither the keeper nor a recorder has been heard of."
    : "No camera yet. A camera records only when it is in the public register, with a purpose, a legal basis, a responsible body and a review date.");
}

function showAlarms(alarms) {
  at("alarms-section").hidden = alarms.length === 0;
  // "N s" changes each time; an alarm that only grows older is not read out again.
  changed("alarms", alarms.map((alarm) => alarm.replace(/\d+ s$/, "")), () => at("alarms").replaceChildren(...alarms.map((alarm) => named("li", alarm))));
  alarms.forEach((alarm, i) => { if (at("alarms").children[i].textContent !== alarm) at("alarms").children[i].textContent = alarm; });
}

function showGaps(known, nowUs) {
  const gaps = known ?? [];
  setText("no-gaps", known === null ? "Not known: no recorder has been heard of." : "None.");
  const visible = allGaps ? gaps : gaps.slice(0, FIRST_GAPS);
  at("no-gaps").hidden = gaps.length > 0;
  at("gaps").hidden = gaps.length === 0;
  at("all-gaps").hidden = gaps.length <= FIRST_GAPS;
  at("all-gaps").setAttribute("aria-expanded", String(allGaps));
  setText("all-gaps", allGaps ? `Show the newest ${FIRST_GAPS}` : `Show all ${gaps.length}`);
  changed("gaps", visible, () => at("gaps").tBodies[0].replaceChildren(...visible.map((gap) => {
    const row = element("tr");
    const from = element("td");
    from.append(shortInstant(gap.from_us, nowUs));
    row.append(named("td", gap.kind === "sub" ? `${gap.camera} (sub)` : gap.camera), from,
      element("td", duration(Math.max(0, gap.to_us - gap.from_us) / 1e6)), named("td", reasonWords(gap.reason)));
    return row;
  })));
}

function showLedger(ledger) {
  changed("ledger", ledger, () => pairs(at("ledger"), ledger === null ? [["Not known", "the keeper has not been heard of"]] : [
    ["Entries", ledger.size.toLocaleString()], ["Root", element("code", ledger.root)], ["Log", element("code", ledger.origin)],
    ["Last stated", instant(ledger.cosigned_us)], ["Witnesses", ledger.witnesses]]));
}

function showOpenings(openings) {
  changed("openings", openings, () => pairs(at("openings"), openings === null ? [["Not known", "the keeper has not been heard of"]] : [
    ["Requests", openings.requests], ["Opened", openings.disclosed], ["Refused", openings.refused], ["Slots opened", openings.slots]]));
}

function command(text) {
  const box = element("div", undefined, "command");
  const code = element("code", text);
  box.append(code);
  if (navigator.clipboard) {
    const button = element("button", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", `Copy: ${text}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    box.append(button);
  }
  return box;
}

function showNext(steps) {
  changed("next", steps, () => at("next").replaceChildren(...steps.map((step) => {
    const item = element("li", step.text);
    if (step.command) item.append(command(step.command.replace("{origin}", location.origin)));
    return item;
  })));
}

function show(status) {
  showNetwork(status.network);
  showOverall(status);
  showAlarms(status.alarms);
  showCards(at("camera-cards"), status.cameras);
  showGaps(status.gaps, status.time_us);
  showLedger(status.ledger);
  showOpenings(status.openings);
  showNext(status.next);
}

function showGone() {
  const since = latestAt ? ` What is shown is from ${latestAt.toLocaleTimeString()}.` : "";
  setText("gone", `The server does not answer.${since}`);
  at("gone").hidden = false;
  setText("overall", "not known");
  at("overall").className = "badge bad";
  document.body.classList.add("old");
}

async function fetchStatus() {
  const response = await fetch("api/status", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

async function refresh() {
  let status = null;
  try {
    status = await fetchStatus();
  } catch (error) {
    console.warn(error);
    showGone();
  }
  // Before showing, so that an error there, which is this page's own, does not end the page.
  setTimeout(refresh, PERIOD_MS);
  if (status === null) return;
  latest = status;
  latestAt = new Date();
  at("gone").hidden = true;
  document.body.classList.remove("old");
  show(status);
}

at("all-gaps").addEventListener("click", () => {
  allGaps = !allGaps;
  showGaps(latest.gaps, latest.time_us);
});
setText("zone", `Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`);
refresh();
