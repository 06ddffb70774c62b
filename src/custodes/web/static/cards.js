// The camera cards. A card lives as long as its camera is shown, so that what is unfolded stays so.
import { STATES, ago, bitrate, duration, element, named, pairs, plural, reasonWords } from "./words.js";

const cards = new Map();

export function showCards(place, cameras) {
  const ids = new Set(cameras.map((camera) => camera.camera));
  for (const id of cards.keys()) if (!ids.has(id)) cards.delete(id);
  const nodes = cameras.map((camera) => {
    let card = cards.get(camera.camera);
    if (!card) cards.set(camera.camera, (card = makeCard()));
    card.show(camera);
    return card.node;
  });
  // Moving a node takes the focus from what is within it.
  if (nodes.length !== place.children.length || nodes.some((node, i) => place.children[i] !== node)) {
    place.replaceChildren(...nodes);
  }
}

function makeCard() {
  const node = element("article", undefined, "card");
  const head = element("div", undefined, "card-head");
  const name = named("h3", "");
  const badge = element("p", "", "badge");
  const site = named("p", "", "quiet");
  const purpose = named("p", "", "purpose");
  const streams = element("dl", undefined, "streams");
  const details = element("details");
  const facts = element("dl");
  details.append(element("summary", "Register entry"), facts);
  head.append(name, badge);
  node.append(head, site, purpose, streams, details);
  let shownFacts = "";

  function show(camera) {
    const [label, tone] = STATES[camera.state] ?? [camera.state, "warn"];
    name.textContent = camera.name;
    badge.textContent = label;
    badge.className = `badge ${tone}`;
    node.classList.toggle("trouble", tone === "bad");
    site.textContent = camera.site ?? "";
    purpose.textContent = camera.purpose ?? "Not in the register, as far as is known now.";
    pairs(streams, camera.streams.map((stream) => [stream.kind === "main" ? "Main" : "Sub", streamWords(stream)]));
    details.hidden = !camera.registered;
    const newFacts = JSON.stringify([camera.legal_basis, camera.responsible_body, camera.review_date, camera.retention_hours]);
    if (newFacts !== shownFacts) {
      shownFacts = newFacts;
      pairs(facts, [
        ["Legal basis", camera.legal_basis],
        ["Responsible", camera.responsible_body],
        ["Review by", camera.review_date],
        ["Kept for", duration((camera.retention_hours ?? 0) * 3600)],
        ["Camera", element("code", camera.camera)],
      ]);
    }
  }

  return { node, show };
}

function streamWords(stream) {
  const parts = [];
  if (stream.state === "recording") {
    if (stream.bitrate_bps) parts.push(bitrate(stream.bitrate_bps));
    if (stream.reason) parts.push(reasonWords(stream.reason));
  } else {
    const [label] = STATES[stream.state] ?? [stream.state];
    parts.push(stream.reason ? reasonWords(stream.reason) : label);
  }
  if (stream.last_picture_s !== null) parts.push(`last picture ${ago(stream.last_picture_s)}`);
  if (stream.lost_packets) parts.push(plural(stream.lost_packets, "packet lost", "packets lost"));
  if (stream.dropped) parts.push(plural(stream.dropped, "picture dropped", "pictures dropped"));
  if (stream.assurance === "lower") parts.push("lower assurance: not over RTSP, losses not counted, no camera clock");
  return parts.join(" · ");
}
