// The designer's page: <div data-designer data-xml-url data-lint-url data-deploy-url data-options data-file>.
//   data-xml-url     GET: the diagram's BPMN XML
//   data-lint-url    POST of the XML (application/xml): {"findings": [{rule, element, message, severity}]}
//   data-deploy-url  POST of the XML: {"version": 4, "url": "..."?}; when refused, 422 with {"findings": [...]}
//   data-options     JSON, optional: {forms: [file], decisions: [{ref, decision}], processes: [{key, name}],
//                    variables: [{name, info}]}, offered in the properties panel
//   data-file        the name under which 导出 saves the file
// data-ready="1" is set once the diagram stands; data-untranslated lists texts that have no Chinese.
import './polyfills.js';
import { BpmnPropertiesPanelModule, BpmnPropertiesProviderModule } from 'bpmn-js-properties-panel';
import Modeler from 'bpmn-js/lib/Modeler';
import './designer.css';
import Extensions from './designer/extensions.js';
import fidelity from './designer/fidelity.js';
import Findings from './designer/findings.js';
import lvze from './designer/lvze-moddle.json';
import offer from './designer/offer.js';
import Properties from './designer/properties.js';
import chinese, { untranslated } from './designer/translate.js';
import Variables from './designer/variables.js';
import { fit } from './fit.js';
import lettering, { textRenderer } from './lettering.js';
import { send, text } from './request.js';

const PAUSE = 900; // ms without a change before the server is asked for findings

const LAYOUT = `
  <div class="designer-bar" role="toolbar" aria-label="设计工具">
    <button type="button" class="btn btn-outline-primary" data-act="check"><i class="bi bi-check2-square" aria-hidden="true"></i> 检查</button>
    <button type="button" class="btn btn-primary" data-act="deploy"><i class="bi bi-cloud-upload" aria-hidden="true"></i> 部署</button>
    <span class="designer-gap"></span>
    <button type="button" class="btn btn-light" data-act="undo" disabled><i class="bi bi-arrow-counterclockwise" aria-hidden="true"></i> 撤销</button>
    <button type="button" class="btn btn-light" data-act="redo" disabled><i class="bi bi-arrow-clockwise" aria-hidden="true"></i> 重做</button>
    <span class="designer-gap"></span>
    <button type="button" class="btn btn-light" data-act="out" aria-label="缩小" title="缩小"><i class="bi bi-zoom-out" aria-hidden="true"></i></button>
    <button type="button" class="btn btn-light" data-act="fit">适合窗口</button>
    <button type="button" class="btn btn-light" data-act="in" aria-label="放大" title="放大"><i class="bi bi-zoom-in" aria-hidden="true"></i></button>
    <span class="designer-gap"></span>
    <button type="button" class="btn btn-light" data-act="open"><i class="bi bi-folder2-open" aria-hidden="true"></i> 导入</button>
    <button type="button" class="btn btn-light" data-act="save"><i class="bi bi-download" aria-hidden="true"></i> 导出</button>
    <input type="file" accept=".bpmn,.xml" hidden aria-label="选择 BPMN 文件">
    <output class="designer-status" role="status"></output>
  </div>
  <div class="designer-body">
    <div class="designer-canvas" role="region" aria-label="流程图"></div>
    <aside class="designer-properties" aria-label="属性"></aside>
  </div>
  <section class="designer-findings" aria-label="检查结果" hidden></section>`;

class Designer {
  constructor(root) {
    this.root = root;
    root.classList.add('designer');
    root.innerHTML = LAYOUT;
    this.modeler = new Modeler({
      container: root.querySelector('.designer-canvas'),
      propertiesPanel: { parent: root.querySelector('.designer-properties') },
      moddleExtensions: { lvze },
      textRenderer,
      lvze: JSON.parse(root.dataset.options || '{}'),
      additionalModules: [
        BpmnPropertiesPanelModule,
        BpmnPropertiesProviderModule,
        fidelity,
        offer,
        chinese,
        lettering,
        {
          __init__: ['lvzeProperties'],
          lvzeExtensions: ['type', Extensions],
          lvzeProperties: ['type', Properties],
          variables: ['type', Variables],
        },
      ],
    });
    this.findings = new Findings(this.modeler, root.querySelector('.designer-findings'));
    this.changed = false;
    root.addEventListener('click', (event) => {
      const act = event.target.closest('[data-act]')?.dataset.act;
      if (act) this[act]();
    });
    root.querySelector('input[type=file]').addEventListener('change', (event) => this.read(event.target));
    this.modeler.on('commandStack.changed', () => this.onChange());
    addEventListener('beforeunload', (event) => this.changed && event.preventDefault());
  }

  async start() {
    await this.import(await text(this.root.dataset.xmlUrl));
    await this.check();
    this.root.dataset.ready = '1';
  }

  async import(xml) {
    const { warnings } = await this.modeler.importXML(xml);
    this.fit();
    return warnings;
  }

  async xml() {
    return (await this.modeler.saveXML({ format: true })).xml;
  }

  say(message, tone = '') {
    const status = this.root.querySelector('.designer-status');
    status.textContent = message;
    status.className = `designer-status ${tone}`;
    if (untranslated.size) this.root.dataset.untranslated = JSON.stringify([...untranslated]);
  }

  onChange() {
    const stack = this.modeler.get('commandStack');
    this.root.querySelector('[data-act=undo]').disabled = !stack.canUndo();
    this.root.querySelector('[data-act=redo]').disabled = !stack.canRedo();
    this.changed = stack.canUndo();
    this.say(this.changed ? '有改动，还没有部署' : '');
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), PAUSE);
  }

  report({ data, status }) {
    const findings = Array.isArray(data) ? data : data?.findings;
    if (!findings) {
      this.say(data?.detail ?? data?.title ?? `服务器没有给出结果（${status}），请稍后再试。`, 'is-error');
      return null;
    }
    return this.findings.show(findings);
  }

  async ask(url) {
    clearTimeout(this.timer);
    try {
      return await send(url, await this.xml(), { type: 'application/xml' });
    } catch {
      this.say('连不上服务器，请检查网络后再试。', 'is-error');
      return null;
    }
  }

  async check() {
    const asked = (this.asked = (this.asked ?? 0) + 1);
    const answer = await this.ask(this.root.dataset.lintUrl);
    if (!answer || asked !== this.asked) return; // a later question is under way
    const count = this.report(answer);
    if (!count) return;
    if (count.errors) this.say(`检查发现 ${count.errors} 个错误，改好后才能部署`, 'is-error');
    else if (count.all) this.say(`可以部署；有 ${count.all} 条提示`, 'is-warning');
    else this.say(this.changed ? '检查通过，还没有部署' : '检查通过', 'is-good');
  }

  async deploy() {
    const button = this.root.querySelector('[data-act=deploy]');
    button.disabled = true;
    this.asked = (this.asked ?? 0) + 1;
    const answer = await this.ask(this.root.dataset.deployUrl);
    button.disabled = false;
    if (!answer) return;
    if (answer.ok) {
      this.changed = false;
      this.findings.show(answer.data?.findings ?? []);
      this.say(`已部署第 ${answer.data.version} 版`, 'is-good');
      this.root.dataset.version = answer.data.version;
      document.querySelectorAll('[data-designer-version]').forEach((shown) => (shown.textContent = answer.data.version));
    } else {
      const count = this.report(answer);
      if (count) this.say(`没有部署：有 ${count.errors || count.all} 个错误要改`, 'is-error');
    }
  }

  fit() {
    fit(this.modeler.get('canvas'), { left: 120 });
  }

  undo() { this.modeler.get('commandStack').undo(); }
  redo() { this.modeler.get('commandStack').redo(); }
  in() { this.modeler.get('zoomScroll').stepZoom(1); }
  out() { this.modeler.get('zoomScroll').stepZoom(-1); }
  open() { this.root.querySelector('input[type=file]').click(); }

  async save() {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([await this.xml()], { type: 'application/xml' }));
    link.download = this.root.dataset.file || 'process.bpmn';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  async read(input) {
    const [file] = input.files;
    input.value = '';
    if (!file) return;
    const before = this.modeler.getDefinitions() && (await this.xml());
    try {
      await this.import(await file.text());
      this.changed = true;
      await this.check();
    } catch (error) {
      if (before) await this.import(before);
      this.say(`“${file.name}”不是能打开的 BPMN 文件，原来的图没有改动。`, 'is-error');
    }
  }
}

const root = document.querySelector('[data-designer]');
if (root) {
  const designer = new Designer(root);
  designer.start().catch((error) => designer.say(`打不开流程图：${error.message}`, 'is-error'));
}
