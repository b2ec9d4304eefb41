import { renderSVG } from "uqr";

import { base32Groups } from "#bytes/base32-text.ts";
import { shareGroups } from "#keys/kit/kit-share.ts";
import type { Share } from "#keys/kit/kit-share.ts";

/** What a kit's page says. */
export type KitPage = {
  readonly custodian: string;
  readonly share: Share;
  /** How many shares the set has. */
  readonly shares: number;
  readonly checkWord: string;
  readonly madeAt: Temporal.Instant;
  /** 32 hex digits. */
  readonly storeId: string;
  /** Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array;
  readonly vaults: readonly KitPageVault[];
};

export type KitPageVault = {
  /** 32 hex digits. */
  readonly id: string;
  /** Where it was when the page was made. */
  readonly place: string;
  /** 32 bytes: see `rootCommitment` of the vault. */
  readonly rootCommitment: Uint8Array;
};

/**
 * A page of the kit as HTML: for one custodian, whole in itself, to be printed on A4. Nothing is loaded from anywhere, and no
 * script is in it.
 */
export function kitPage(page: KitPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>Lockstep recovery kit: ${escaped(page.custodian)}</title>
<style>${style}</style>
</head>
<body>
${english(page)}
${chinese(page)}
</body>
</html>
`;
}

function english(page: KitPage): string {
  const { share, shares, custodian, madeAt, storeId } = page;
  const alone = share.threshold === 1;
  const needed = alone
    ? "This page alone is enough."
    : `Any ${share.threshold} of the ${shares} pages together are enough; fewer say nothing.`;
  return `<section lang="en">
<header><h1>Lockstep recovery kit</h1><p>Page ${share.index} of ${shares} · for <b>${escaped(custodian)}</b> · made ${dayOf(madeAt)} · <span lang="zh">中文说明见下一页</span></p></header>
<h2>What this is</h2>
<p>Backups of virtual machines lie locked in a <b>vault</b>, and what unlocks them lies in a <b>key store</b>. When the machine with the key store
is lost, this kit and a copy of the vault bring back <b>everything</b>. ${needed} Whoever has ${alone ? "it" : `${share.threshold} of them`} and
the vault can read all that was backed up: keep this page where you keep what must not be lost or shown, such as a safe. Never photograph it or
store it on a computer.</p>
<h2>When all is lost</h2>
<ol>
<li>Find a copy of the vault (below: where it was), and a computer with Linux on which Lockstep runs.</li>
<li>Type: <code>lockstep recover --vault /path/to/the/vault</code></li>
<li>Type the share of this page when it asks${alone ? "" : `, and those of other custodians until there are ${share.threshold}`}. The small
numbers are not part of it. Small and capital letters are the same, and there is no i, l, o or u; each group of five has a check character, so a mistake
is found at once.</li>
<li>It shows the root-key commitment of the vault and the copy-signing key: compare both with this page. If one differs, the vault or its copies are
forged: stop.</li>
<li>Then: <code>lockstep status</code> shows what there is, and <code>lockstep restore</code> brings it back.</li>
</ol>
<p>Without Lockstep: copies of the key store lie in the vault in the folder <code>keystore</code>. They are files of the tool <code>age</code>
(age-encryption.org). What derives from the shares, and what is inside, is in Lockstep's documents <code>docs/format/kit.md</code> and
<code>docs/format/keystore-copy.md</code>; the next page says what is needed most.</p>
${facts(page, { share: "Share", key: "Copy-signing key", root: "Root-key commitment of the vault", set: "Set", word: "Check word" })}
<p class="last">Check it once a year: <code>lockstep kit check</code>. When custodians change, make a new kit and destroy this page. Key store ${storeId}.</p>
</section>`;
}

function chinese(page: KitPage): string {
  const { share, shares, custodian, madeAt, storeId } = page;
  const alone = share.threshold === 1;
  const needed = alone
    ? "仅凭本页即可恢复。"
    : `共 ${shares} 页，任意 ${share.threshold} 页合在一起即可恢复；不足 ${share.threshold} 页则毫无用处。`;
  return `<section lang="zh">
<header><h1>Lockstep 恢复套件</h1><p>第 ${share.index} 页，共 ${shares} 页 · 保管人：<b>${escaped(custodian)}</b> · 制作日期：${dayOf(madeAt)}</p></header>
<h2>这是什么</h2>
<p>虚拟机的备份锁在<b>保险库</b>（vault）中，开锁的密钥存放在<b>密钥库</b>（key store）中。如果存放密钥库的机器丢失或损坏，凭本套件和一份保险库的副本，就能恢复<b>全部内容</b>。${needed}
任何人拿到${alone ? "本页" : `其中 ${share.threshold} 页`}和保险库，就能读取所有备份。请把本页与最不能丢失、最不能外泄的物品放在一起，例如保险箱。不要拍照，不要存入电脑。</p>
<h2>一切都丢失时怎么办</h2>
<ol>
<li>找到一份保险库的副本（前一页写有它原来的位置），以及一台能运行 Lockstep 的 Linux 电脑。</li>
<li>输入：<code>lockstep recover --vault /保险库的路径</code></li>
<li>按提示输入前一页的份额（share）${alone ? "" : `，并请其他保管人输入他们的份额，直到够 ${share.threshold} 份`}。行首的小号数字不用输入。不区分大小写，没有字母 i、l、o、u；每五个字符一组，每组都有校验字符，输错会立即指出。</li>
<li>程序会显示保险库的根密钥承诺值（root-key commitment）和副本签名公钥（copy-signing key），请与前一页上的逐一对照。如有不一致，说明保险库或副本是伪造的：请立即停止。</li>
<li>然后用 <code>lockstep status</code> 查看有哪些内容，用 <code>lockstep restore</code> 恢复。</li>
</ol>
<h2>没有 Lockstep 时</h2>
<p>密钥库的副本在保险库的 <code>keystore</code> 文件夹中，是 <code>age</code> 工具（age-encryption.org）的加密文件。如何从份额推导出密钥、文件内容是什么，见 Lockstep 的文档
<code>docs/format/kit.md</code> 和 <code>docs/format/keystore-copy.md</code>。</p>
<h2>前一页上的内容</h2>
<table>
<tr><th>Share</th><td>份额：恢复时要输入的内容，必须保密</td></tr>
<tr><th>Copy-signing key</th><td>副本签名公钥：用来辨别密钥库的副本是否伪造，不必保密</td></tr>
<tr><th>Root-key commitment</th><td>保险库根密钥的承诺值：用来辨别保险库是否被调换，不必保密</td></tr>
<tr><th>Check word</th><td>校验词：制作时输入它，以证明本页已经打印出来</td></tr>
</table>
<h2 lang="en">Without Lockstep and its documents <span lang="zh">（供程序员参考）</span></h2>
${derivation}
<p class="last">每年检查一次：<code>lockstep kit check</code>。保管人变动后，请制作新的套件并销毁本页。密钥库编号：${storeId}。</p>
</section>`;
}

/** What a programmer needs to open copies, should nothing else of Lockstep be left. docs/format/kit.md has all of it. */
const derivation = `<p lang="en" class="last">A share is 18 groups: four symbols of Crockford's base32 (<code>0123456789abcdefghjkmnpqrstvwxyz</code>, five bits
each, the highest first) and a check symbol. Without the check symbols they are 44 bytes: version 1, set (4), threshold, index, part (33), check (4). With
a threshold of 1 the first 32 bytes of a part are the secret. Else each part's last byte is an x, and byte i of the secret is the value at 0 of the polynomial
over GF(2^8), modulo x^8 + x^4 + x^3 + x + 1, that has the value "byte i of the part" at each of these x. HKDF-SHA-256 of the secret, without salt, with the info
<code>lockstep v1 kit copies</code> gives 32 bytes: an X25519 private key. As Bech32 with the prefix <code>age-secret-key-</code>, in capitals, it is an
identity that <code>age --decrypt</code> takes for the files in <code>keystore</code>: lines of JSON with values in base64, a full copy and then what changed.</p>`;

type Labels = {
  readonly share: string;
  readonly key: string;
  readonly root: string;
  readonly set: string;
  readonly word: string;
};

/** So many keys and commitments are in one frame, and in its QR code. */
const FRAME_LIMIT = 3;

function facts({ share, signingKey, vaults, checkWord }: KitPage, labels: Labels): string {
  const groups = shareGroups(share);
  const publicParts = [
    { title: labels.key, name: "SIGNING KEY", groups: base32Groups(signingKey) },
    ...vaults.map(({ id, place, rootCommitment }) => ({
      title: `${labels.root} ${id}<br>${escaped(place)}`,
      name: "ROOT",
      groups: base32Groups(rootCommitment),
    })),
  ];
  const frames = Array.from({ length: Math.ceil(publicParts.length / FRAME_LIMIT) }, (_, at) =>
    publicParts.slice(at * FRAME_LIMIT, (at + 1) * FRAME_LIMIT),
  );
  return `<div class="share"><div><h2>${labels.share}</h2>${rows(groups, 6)}
<p>${labels.set} ${share.setId} · ${labels.word}: <b class="word">${checkWord}</b></p></div>${qr(groups.join("").toUpperCase())}</div>
${frames.map(frame).join("\n")}`;
}

/** What is public, in one frame. */
function frame(
  parts: readonly { readonly title: string; readonly name: string; readonly groups: readonly string[] }[],
): string {
  const code = parts.map(({ name, groups }) => `${name} ${groups.join("")}`).join("\n");
  return `<div class="public"><div>${parts.map(({ title, groups }) => `<h3>${title}</h3>${rows(groups, 7)}`).join("\n")}
</div>${qr(code.toUpperCase())}</div>`;
}

/** Groups in rows, each with the number of its first. */
function rows(groups: readonly string[], width: number): string {
  const lines = Array.from({ length: Math.ceil(groups.length / width) }, (_, at) =>
    groups.slice(at * width, (at + 1) * width).join(" "),
  );
  return `<pre>${lines.map((line, at) => `<i>${String(at * width + 1).padStart(2)}</i> ${line}`).join("\n")}</pre>`;
}

function qr(text: string): string {
  return `<figure>${renderSVG(text, { ecc: "M", border: 2 })}</figure>`;
}

function dayOf(instant: Temporal.Instant): string {
  return instant.toString().slice(0, 10);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

const style = `
@page { size: A4; margin: 14mm 16mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 178mm; font: 10.5pt/1.38 "Noto Sans", "Noto Sans CJK SC", "Source Han Sans SC", sans-serif; color: #111; }
section { page-break-after: always; break-after: page; }
section:last-of-type { page-break-after: auto; break-after: auto; }
header { border-bottom: 2pt solid #111; margin-bottom: 3mm; }
h1 { font-size: 19pt; margin: 0; letter-spacing: -0.01em; }
header p { margin: 0 0 2mm; }
h2 { font-size: 12pt; margin: 3.5mm 0 1mm; }
h3 { font-size: 9pt; margin: 1.5mm 0 0.5mm; overflow-wrap: anywhere; }
p, ol { margin: 0 0 1.5mm; }
ol { padding-left: 6mm; }
li { margin-bottom: 0.7mm; }
code { font: 0.95em "DejaVu Sans Mono", monospace; background: #eee; padding: 0 0.8mm; }
pre { font: 12.5pt/1.5 "DejaVu Sans Mono", monospace; margin: 0; white-space: pre; }
pre i { font-style: normal; font-size: 7pt; color: #777; }
.share, .public { display: flex; gap: 5mm; justify-content: space-between; align-items: center; border: 1.2pt solid #111; padding: 2.5mm 4mm; margin: 2.5mm 0; break-inside: avoid; }
.share h2 { margin-top: 0; }
.share p { margin: 1.5mm 0 0; }
.public { border: 0.6pt solid #888; }
.public pre { font-size: 9.5pt; }
.word { font: bold 12pt "DejaVu Sans Mono", monospace; }
figure { margin: 0; flex: none; width: 34mm; }
figure svg { display: block; width: 100%; height: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 0.8mm 4mm 0.8mm 0; }
.last { font-size: 9pt; color: #444; border-top: 0.6pt solid #888; padding-top: 1.5mm; margin-top: 2.5mm; }
@media screen { body { padding: 10mm 0; } section { margin-bottom: 15mm; } }
`;
