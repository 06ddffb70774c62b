// The page shows what /api/status says, every two seconds; it keeps no state of its own.
const at = (id) => document.getElementById(id);

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function pairs(list, rows) {
  list.replaceChildren(...rows.flatMap(([term, value]) => [element("dt", term), element("dd", String(value))]));
}

function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function clock(us) {
  return us ? new Date(us / 1000).toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" }) : "never";
}

const LABELS = { recording: ["recording", "good"], connecting: ["connecting", ""], away: ["not recording", "bad"], "cannot-seal": ["stopped: cannot seal", "bad"] };

function cameraCard(camera) {
  const card = element("article", undefined, "card");
  const head = element("header");
  head.append(element("h3", camera.name));
  const worst = camera.streams.find((stream) => stream.state !== "recording") ?? camera.streams[0];
  const [label, tone] = LABELS[worst?.state] ?? [worst?.state ?? "not assigned", ""];
  head.append(element("p", label, `badge ${tone}`));
  card.append(head);
  const list = element("dl");
  const rows = [["Purpose", camera.purpose], ["Legal basis", camera.legal_basis], ["Responsible", camera.responsible_body],
    ["Review by", camera.review_date], ["Kept for", `${camera.retention_hours} h`]];
  for (const stream of camera.streams) {
    const rate = stream.bitrate_bps ? `${(stream.bitrate_bps / 1e6).toFixed(2)} Mbit/s, ` : "";
    rows.push([stream.kind === "main" ? "Main stream" : "Sub stream",
      stream.state === "recording" ? `${rate}last picture ${duration(stream.last_picture_s)} ago` : (stream.reason || "waiting for the first picture")]);
  }
  pairs(list, rows);
  card.append(list);
  return card;
}

function show(status) {
  const { network, cameras, ledger, openings, gaps, alarms, next } = status;
  document.title = `${network.name} · Custodes`;
  at("name").textContent = network.name;
  at("network-id").textContent = network.id;
  at("rehearsal").hidden = !network.rehearsal;
  at("rehearsal").textContent = `Rehearsal network: slots of ${network.slot_s} s instead of 60 s. Not for real footage.`;
  at("quorum").textContent = `${network.quorum} of ${network.custodians}`;
  const recording = cameras.filter((camera) => camera.streams.length && camera.streams.every((stream) => stream.state === "recording")).length;
  const good = recording === cameras.length && cameras.length > 0 && alarms.length === 0;
  at("overall").textContent = `${recording} of ${cameras.length} cameras recording`;
  at("overall").className = `badge ${good ? "good" : ""}`;
  at("alarms-section").hidden = alarms.length === 0;
  at("alarms").replaceChildren(...alarms.map((alarm) => element("li", alarm)));
  at("no-cameras").hidden = cameras.length > 0;
  at("camera-cards").replaceChildren(...cameras.map(cameraCard));
  at("no-gaps").hidden = gaps.length > 0;
  at("gaps").hidden = gaps.length === 0;
  at("gaps").tBodies[0].replaceChildren(...gaps.map((gap) => {
    const row = element("tr");
    row.append(element("td", gap.camera), element("td", clock(gap.from_us)), element("td", duration((gap.to_us - gap.from_us) / 1e6)), element("td", gap.reason));
    return row;
  }));
  pairs(at("ledger"), [["Entries", ledger.size], ["Root", ledger.root], ["Log", ledger.origin], ["Last stated", clock(ledger.cosigned_us)], ["Witnesses", ledger.witnesses]]);
  at("verify-command").textContent = `custodes verify ${location.origin} --network ${network.id}`;
  pairs(at("openings"), [["Requests", openings.requests], ["Granted and opened", openings.disclosed], ["Refused", openings.refused], ["Minutes opened", openings.slots]]);
  at("next").replaceChildren(...next.map((step) => {
    const item = element("li", step.text);
    if (step.command) item.append(element("br"), element("code", step.command));
    return item;
  }));
}

async function refresh() {
  try {
    const response = await fetch("api/status", { cache: "no-store" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.json());
  } catch (error) {
    at("overall").textContent = "no answer from the server";
    at("overall").className = "badge bad";
  }
  setTimeout(refresh, 2000);
}

refresh();
