import { html } from "hono/html";

/** The panel as it stands in every page, the same for everyone; `browser/panel.ts` fills it in. */
export function panel() {
  return html`<aside class="edge" id="edge" aria-labelledby="edge-title" tabindex="-1">
<header class="edge-head">
<h2 id="edge-title">At the edge</h2>
<p class="verdict"><span class="lamp"></span><strong data-edge="outcome" id="outcome">…</strong><span class="duration" data-edge="duration"></span></p>
<p class="explain" data-edge="explain">Reading what the edge decided.</p>
<noscript><p class="explain">The panel needs JavaScript; the sessions at the edge do not.</p></noscript>
</header>
${diagram()}
<section aria-labelledby="identity-title">
<h3 id="identity-title">Who</h3>
<dl class="facts">
<div><dt>User</dt><dd data-edge="user" id="user">–</dd></div>
<div><dt>Role</dt><dd data-edge="role" id="role">–</dd></div>
<div><dt>Access token</dt><dd><span data-edge="token" id="token">–</span><span class="gauge" aria-hidden="true"><i data-edge="gauge"></i></span></dd></div>
<div><dt>Auth calls</dt><dd data-edge="calls" id="calls">–</dd></div>
</dl>
<p class="note" data-edge="identity-note" hidden></p>
</section>
<section class="try" aria-labelledby="try-title">
<h3 id="try-title">Try it</h3>
<div class="buttons">
<button type="button" data-action="expire">Expire the token</button>
<button type="button" data-action="reload">Reload the page</button>
<button type="button" data-action="tabs">Open 20 tabs at once</button>
<button type="button" data-action="end-session">End session elsewhere</button>
</div>
<div class="tabs" id="tabs" hidden></div>
<fieldset class="weather">
<legend>Auth answers</legend>
<label><input type="radio" name="weather" value="ok" checked><span>well</span></label>
<label><input type="radio" name="weather" value="limited"><span>429</span></label>
<label><input type="radio" name="weather" value="down"><span>503</span></label>
<label><input type="radio" name="weather" value="hang"><span>not at all</span></label>
</fieldset>
<p class="hint" id="hint" role="status" data-edge="hint"></p>
</section>
<section aria-labelledby="cache-title">
<h3 id="cache-title">Caches <small>this page, asked for once more</small></h3>
<dl class="facts">
<div><dt>Site said</dt><dd class="code" data-edge="site-cache">–</dd></div>
<div><dt>Browser got</dt><dd class="code" data-edge="browser-cache" id="browser-cache">–</dd></div>
<div><dt>Vary</dt><dd class="code" data-edge="vary">–</dd></div>
<div><dt>ETag</dt><dd class="code" data-edge="etag">–</dd></div>
</dl>
</section>
<section aria-labelledby="log-title">
<h3 id="log-title">So far</h3>
<ol class="log" id="log"></ol>
</section>
</aside>`;
}

/** Browser, edge and site in a row, Auth below the edge. The scripts light what this page used. */
function diagram() {
  return html`<svg class="diagram" viewBox="0 0 360 118" role="img" aria-labelledby="diagram-title">
<title id="diagram-title" data-edge="diagram">The request goes from the browser through the edge to the site; the edge may ask Auth.</title>
<g class="wire"><path d="M84 32H138"/><path class="flow" d="M84 32H138"/></g>
<g class="wire" data-wire="site"><path d="M222 32H276"/><path class="flow" d="M222 32H276"/></g>
<g class="wire" data-wire="auth"><path d="M180 52V80"/><path class="flow" d="M180 52V80"/></g>
<g class="node"><rect x="2" y="12" width="82" height="40" rx="8"/><text x="43" y="37">Browser</text></g>
<g class="node node-edge"><rect x="138" y="12" width="84" height="40" rx="8"/><text x="180" y="37">Edge</text></g>
<g class="node" data-wire="site"><rect x="276" y="12" width="82" height="40" rx="8"/><text x="317" y="37">Site</text></g>
<g class="node" data-wire="auth"><rect x="138" y="80" width="84" height="36" rx="8"/><text x="180" y="103">Auth</text></g>
<text class="label" x="232" y="102" data-edge="wire-auth"></text>
<text class="label" x="276" y="71" data-edge="wire-site"></text>
<text class="label" x="2" y="71" data-edge="wire-browser"></text>
</svg>`;
}
