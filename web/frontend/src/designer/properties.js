// The properties panel's groups for the lvze: vocabulary.
import { ListGroup } from '@bpmn-io/properties-panel';
import { getBusinessObject, is } from 'bpmn-js/lib/util/ModelUtil';
import { bare, check, choice, feel, formula, select, text } from './fields.js';
import { constructs } from './constructs.js';
import { extension, extensions, holderOf } from './extensions.js';
import operations from './operations.json';

const POSTS = ['书记', '副书记', '专职副书记', '分管领导', '委员', '党务干事'];
const PERMITTED = { reject: '退回', add: '加签、减签', transfer: '转办', delegate: '委派', withdraw: '撤回', carbon: '抄送', nudge: '被催办' };
const TIMERS = { timeDuration: '一段时间之后', timeDate: '某个时间', timeCycle: '重复' };
const EXAMPLES = { timeDuration: '例如 5 工作日、8 工作小时、3 天、P1M（一个月）', timeDate: '例如 2026-04-30T17:00:00+08:00', timeCycle: '例如 R3/P7D（每七天，共三次）；带第一次的时间：R/2026-03-31T08:00:00/P7D' };
const ACTIONS = [
  { value: 'reassign', label: '改派：转由他们办理' },
  { value: 'throw', label: '触发升级事件' },
];
const span = (value) =>
  /^\s*\d{1,4}\s*个?\s*(工作日|工作小时|天|日|小时)\s*$/.test(value ?? '') ? undefined : '请写成 1 工作日、4 工作小时、2 天这样';
const schedule = (value) =>
  /^\s*(P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?(\s+|$))*$/.test(value ?? '') ? undefined : '请写成 PT15S PT5M PT1H 这样，用空格分开';
// Groups of the standard panel that ours replace.
const REPLACED = ['multiInstance', 'timer', 'adHocCompletion', 'compensation'];

const asOptions = (values) => values.map((value) => (typeof value === 'string' ? { value, label: value } : value));
const posts = (value) => {
  const unknown = (value ?? '').split(/\s+/).filter((post) => post && !POSTS.includes(post));
  return unknown.length ? `没有“${unknown[0]}”这个岗位。可用：${POSTS.join('、')}` : undefined;
};

export default class Properties {
  constructor(propertiesPanel, modeling, lvzeExtensions, bpmnjs, options) {
    this.modeling = modeling;
    this.root = () => bpmnjs.getDefinitions();
    this.extensions = lvzeExtensions;
    this.options = { forms: [], decisions: [], processes: [], ledgers: [], ...options };
    propertiesPanel.registerProvider(400, this);
  }

  getGroups(element) {
    return (groups) => {
      const standard = groups.filter(({ id }) => !REPLACED.includes(id));
      const at = standard.findIndex(({ id }) => id === 'general') + 1;
      const own = this.groupsOf(element).filter(({ entries, items }) => items || entries.length);
      return [...standard.slice(0, at), ...own, ...standard.slice(at)];
    };
  }

  groupsOf(element) {
    const groups = [];
    const object = getBusinessObject(element);
    if (is(element, 'bpmn:Process') || object.processRef) groups.push(...this.process());
    if (is(element, 'bpmn:StartEvent') && is(object.$parent, 'bpmn:Process')) groups.push(...this.start());
    if (is(element, 'bpmn:UserTask')) groups.push(...this.userTask(element));
    if (is(element, 'bpmn:Lane')) groups.push(...this.assignment(element));
    if (is(element, 'bpmn:ServiceTask') || (is(element, 'bpmn:SendTask') && !object.messageRef)) groups.push(...this.serviceTask(element));
    if (is(element, 'bpmn:BusinessRuleTask')) groups.push(...this.decision());
    if (is(element, 'bpmn:CallActivity')) groups.push(...this.call(element));
    if (getBusinessObject(element).loopCharacteristics?.$type === 'bpmn:MultiInstanceLoopCharacteristics') {
      groups.push(...this.loop(element));
      if (is(element, 'bpmn:UserTask')) groups.push(this.vote());
    }
    if (is(element, 'bpmn:SequenceFlow')) groups.push(...this.flow(element));
    if (getBusinessObject(element).eventDefinitions?.[0]?.$type === 'bpmn:TimerEventDefinition') {
      groups.push(...this.timer(element));
    }
    groups.push(...constructs(this, element));
    return groups;
  }

  // A field that edits one attribute of one lvze: element.
  field(kind, type, name, label, more = {}) {
    return kind({
      id: `${type.replace(':', '-')}-${name}`,
      label,
      read: (element) => extension(holderOf(element, type), type)?.get(name),
      write: (element, value) => this.extensions.set(element, type, name, value),
      ...more,
    });
  }

  process() {
    return [{
      id: 'lvze-process',
      label: '办件',
      shouldOpen: true,
      entries: [
        this.field(feel, 'lvze:Process', 'title', '办件标题', { description: '显示在待办和已办中' }),
        this.field(feel, 'lvze:Process', 'businessKey', '业务编号', { description: '例如年度加单位，同一件事只有一个' }),
        this.field(check, 'lvze:Process', 'uniqueBusinessKey', '业务编号相同的不能同时办理'),
      ],
    }];
  }

  start() {
    return [{
      id: 'lvze-start',
      label: '发起',
      shouldOpen: true,
      entries: [
        this.field(choice, 'lvze:Form', 'ref', '表单', { options: asOptions(this.options.forms) }),
        this.field(text, 'lvze:Starter', 'post', '谁能发起（岗位）', {
          description: '多个岗位用空格分开，如：党务干事 书记',
          validate: posts,
        }),
        this.field(check, 'lvze:Starter', 'member', '每个党员都能发起'),
      ],
    }, {
      id: 'lvze-renewal',
      label: '换签',
      entries: [
        this.field(choice, 'lvze:Renews', 'ledger', '换签哪个台账的文件', { options: asOptions(this.options.ledgers) }),
        this.field(text, 'lvze:Renews', 'variable', '可换签的存入变量', {
          description: '列表，供发起表单选择；每项含 entry、keeper、title、left',
        }),
      ],
    }];
  }

  // Of a user task, or of a lane: for its user tasks that name nobody.
  assignment(element) {
    const assignment = extension(getBusinessObject(element), 'lvze:Assignment');
    const byPerson = Boolean(assignment?.person);
    const byPost = ['post', 'unit', 'otherwise'].some((name) => assignment?.get(name));
    const person = this.field(formula, 'lvze:Assignment', 'person', '指定人员', {
      description: `例如 =initiator.person${byPerson && !byPost ? '；要改按岗位分派，先清空这里' : ''}`,
    });
    const post = [
      this.field(select, 'lvze:Assignment', 'post', '岗位', {
        options: asOptions(POSTS),
        description: byPost && !byPerson ? '要改为指定人员，先清空这一节' : undefined,
      }),
      this.field(formula, 'lvze:Assignment', 'unit', '哪个单位的岗位', { description: '例如 =unit.id' }),
      this.field(text, 'lvze:Assignment', 'otherwise', '空缺时依次由', {
        description: '岗位用空格分开，如：副书记 专职副书记',
        validate: posts,
      }),
      this.field(formula, 'lvze:Assignment', 'exclude', '回避人员', { description: '同一人不能两边都签' }),
    ];
    return [{
      id: 'lvze-assignment',
      label: '由谁办理',
      shouldOpen: true,
      entries: [...(byPerson && !byPost ? [] : post), ...(byPost && !byPerson ? [] : [person])],
    }];
  }

  userTask(element) {
    return [
      ...this.assignment(element),
      {
        id: 'lvze-task',
        label: '办什么',
        shouldOpen: true,
        entries: [
          this.field(feel, 'lvze:Title', 'value', '待办标题'),
          this.field(choice, 'lvze:Form', 'ref', '表单', { options: asOptions(this.options.forms) }),
          this.field(feel, 'lvze:Due', 'value', '办理期限', {
            description: '例如 5 工作日、8 工作小时、3 天，或 =截止日期。工作日按国家放假安排计算，到达当天不算',
          }),
          this.field(formula, 'lvze:Document', 'value', '显示的文件', { description: '文件编号或编号的列表' }),
        ],
      },
      this.reminders(element),
      this.escalations(element),
      {
        id: 'lvze-signature',
        label: '签名',
        entries: [
          this.field(formula, 'lvze:Signature', 'document', '签哪份文件'),
          this.field(text, 'lvze:Signature', 'slot', '签名栏', { description: '与生成文件时的签名栏同名' }),
          this.field(feel, 'lvze:Signature', 'capacity', '印出的职务'),
          this.field(formula, 'lvze:Signature', 'required', '何时须签名', {
            description: '例如 =决定 = "同意"；不填就总是要签',
          }),
          this.field(check, 'lvze:Signature', 'deferred', '提交时只记下授权', {
            description: '文件很多时用：之后由服务“签署”逐份签',
          }),
          this.field(text, 'lvze:Signature', 'attestors', '谁可代交纸质签名件（岗位）', {
            description: '本人在纸上签，他上传扫描件；岗位用空格分开，如：党务干事 委员',
            validate: posts,
          }),
        ],
      },
      {
        id: 'lvze-result',
        label: '意见与结果',
        entries: [
          this.field(feel, 'lvze:Opinion', 'required', '何时必须填意见', { description: '例如 =决定 = "退回"；总是必须就写 =true' }),
          this.field(text, 'lvze:Result', 'variable', '结果存入变量', { description: '含操作人、时间、意见、结果、方式' }),
        ],
      },
      { id: 'lvze-operations', label: '办理人可以', entries: this.permitted() },
    ];
  }

  // One switch an operation. Nothing is written until a switch differs from what holds without the element.
  permitted() {
    const type = 'lvze:Operations';
    const usual = (element, name) => name !== 'transfer' || !extension(getBusinessObject(element), 'lvze:Signature');
    const allowed = (element) => {
      const said = extension(getBusinessObject(element), type)?.get('allow');
      const all = Object.keys(PERMITTED);
      return said === undefined ? all.filter((name) => usual(element, name)) : said.split(/\s+/).filter(Boolean);
    };
    return Object.entries(PERMITTED).map(([name, label]) => check({
      id: `lvze-operations-${name}`,
      label,
      read: (element) => allowed(element).includes(name),
      write: (element, on) => {
        const rest = allowed(element).filter((other) => other !== name);
        const named = Object.keys(PERMITTED).filter((one) => rest.includes(one) || (on && one === name));
        this.extensions.set(element, type, 'allow', named.join(' ') || 'none');
      },
    }));
  }

  reminders(element) {
    return this.several(element, 'lvze:Reminder', '到期前提醒', { before: '1 工作日' }, (one, field) => ({
      label: `提前 ${one.before ?? ''}`,
      entries: [
        field(text, 'before', '提前多久', { description: '例如 1 工作日、4 工作小时、2 天', validate: span }),
        ...this.recipients(field, '提醒谁（岗位）', '不填就提醒办理人'),
      ],
    }));
  }

  escalations(element) {
    return this.several(element, 'lvze:Escalation', '超期催办升级', { after: '1 工作日' }, (one, field) => ({
      label: `超期 ${one.after ?? ''}`,
      entries: [
        field(text, 'after', '超期多久以后', { description: '例如 1 工作日、4 工作小时、2 天', validate: span }),
        field(select, 'action', '怎么办', { options: asOptions(ACTIONS), none: '通知' }),
        ...(one.action === 'throw'
          ? [field(text, 'code', '升级代码', { description: '由附在这个任务上的升级边界事件接住' })]
          : one.action === 'reassign'
            ? this.recipients(field, '改派给谁（岗位）', '岗位或人员须填一样')
            : this.recipients(field, '通知谁（岗位）', '不填就通知办理人')),
      ],
    }));
  }

  // Who is told of a deadline.
  recipients(field, label, otherwise) {
    return [
      field(text, 'post', label, { description: `${otherwise}；多个岗位用空格分开，如：书记 党务干事`, validate: posts }),
      field(check, 'superior', '上级党组织的岗位'),
      field(formula, 'unit', '哪个单位的岗位', { description: '不填就是办理岗位所在的单位' }),
      field(formula, 'person', '指定人员', { description: '例如 =initiator.person' }),
    ];
  }

  serviceTask(element) {
    const operation = extension(getBusinessObject(element), 'lvze:Operation');
    const known = operations[operation?.name]?.inputs ?? {};
    const names = Object.entries(operations).map(([value, { label }]) => ({ value, label }));
    const input = (name) => operation.get('inputs').find((one) => one.name === name);
    const inputs = Object.entries(known).map(([name, label]) => feel({
      id: `lvze-operation-${name}`,
      label,
      read: () => input(name)?.value,
      write: (_, value) => this.setInput(element, operation, name, value),
    }));
    const others = operation?.get('inputs').filter(({ name }) => !(name in known)) ?? [];
    return [
      {
        id: 'lvze-operation',
        label: '服务',
        shouldOpen: true,
        entries: [
          this.field(select, 'lvze:Operation', 'name', '做什么', { options: names }),
          ...inputs,
          this.field(text, 'lvze:Retry', 'schedule', '失败后隔多久再试', {
            description: '例如 PT2S PT15S PT1M（2 秒、15 秒、1 分钟），试完仍不成就等管理员处理；不填就照此办理',
            validate: schedule,
          }),
        ],
      },
      ...(operation && (others.length || !Object.keys(known).length)
        ? [this.pairs(element, 'lvze-operation-others', '其他参数', others, {
          add: () => this.setInputs(element, operation, [...operation.get('inputs'), this.extensions.create('lvze:Input', { name: '参数', value: '' }, operation)]),
          remove: (one) => this.setInputs(element, operation, operation.get('inputs').filter((other) => other !== one)),
        })]
        : []),
      this.mappings(element, 'lvze:Output', '结果存入变量'),
    ];
  }

  setInputs(element, operation, inputs) {
    this.extensions.write(element, [[operation, { inputs }]]);
  }

  setInput(element, operation, name, value) {
    const inputs = operation.get('inputs');
    const found = inputs.find((one) => one.name === name);
    if (found && value) this.extensions.write(element, [[found, { value }]]);
    else if (found) this.setInputs(element, operation, inputs.filter((one) => one !== found));
    else if (value) this.setInputs(element, operation, [...inputs, this.extensions.create('lvze:Input', { name, value }, operation)]);
  }

  decision() {
    const { decisions } = this.options;
    return [{
      id: 'lvze-decision',
      label: '决策表',
      shouldOpen: true,
      entries: [
        this.field(choice, 'lvze:Decision', 'ref', '决策文件（.dmn）', { options: asOptions([...new Set(decisions.map(({ ref }) => ref))]) }),
        this.field(choice, 'lvze:Decision', 'decision', '决策', { options: asOptions(decisions.map(({ decision }) => decision).filter(Boolean)) }),
        this.field(text, 'lvze:Decision', 'result', '结果存入变量'),
      ],
    }];
  }

  call(element) {
    return [
      {
        id: 'lvze-call',
        label: '调用哪个流程',
        shouldOpen: true,
        entries: [choice({
          id: 'lvze-calledElement',
          label: '流程',
          options: this.options.processes.map(({ key, name }) => ({ value: key, label: name })),
          read: () => getBusinessObject(element).calledElement,
          write: (_, value) => this.modeling.updateProperties(element, { calledElement: value || undefined }),
        })],
      },
      this.mappings(element, 'lvze:Input', '传入（不填则全部可见）'),
      this.mappings(element, 'lvze:Output', '传回（不填则不传回）'),
    ];
  }

  loop(element) {
    return [{
      id: 'lvze-loop',
      label: '逐个办理（会签）',
      shouldOpen: true,
      entries: [
        this.field(formula, 'lvze:Loop', 'collection', '列表', { description: '每一项办理一次，例如 =下属单位' }),
        this.field(text, 'lvze:Loop', 'item', '每一项叫作（变量）'),
        this.field(formula, 'lvze:Loop', 'output', '每一项的结果'),
        this.field(text, 'lvze:Loop', 'outputs', '结果汇总到（变量）'),
        bare({
          id: 'lvze-completionCondition',
          label: '提前结束的条件',
          description: '可用 numberOfInstances、numberOfActiveInstances、numberOfCompletedInstances、numberOfTerminatedInstances',
          read: (element) => holderOf(element, 'lvze:Loop').completionCondition?.body,
          write: (element, body) => this.setExpression(element, holderOf(element, 'lvze:Loop'), 'completionCondition', body),
        }),
      ],
    }, this.tallies(element)];
  }

  tallies(element) {
    const loop = () => extension(holderOf(element, 'lvze:Loop'), 'lvze:Loop');
    const write = (tallies) => this.extensions.write(element, [[loop(), { tallies }]]);
    const all = loop()?.get('tallies') ?? [];
    const once = (act) => (event) => {
      event.stopPropagation();
      act();
    };
    const add = () => {
      if (!loop()) this.extensions.add(element, 'lvze:Loop', {});
      write([...loop().get('tallies'), this.extensions.create('lvze:Tally', { name: '同意数' }, loop())]);
    };
    return {
      id: 'lvze-tallies',
      label: '计数',
      component: ListGroup,
      add: once(add),
      items: all.map((one, index) => {
        const field = (kind, name, label, description) => kind({
          id: `lvze-tally-${index}-${name}`,
          label,
          description,
          read: () => one.get(name),
          write: (_, value) => this.extensions.write(element, [[one, { [name]: value || undefined }]]),
        });
        return {
          id: `lvze-tally-${index}`,
          label: one.name ?? '',
          remove: once(() => write(all.filter((other) => other !== one))),
          entries: [
            field(text, 'name', '叫作（变量）'),
            field(formula, 'condition', '哪些算数', '例如 =决定 = "同意"；不填则每一项都算'),
            field(formula, 'weight', '每项算多少', '例如 =分数；不填算 1'),
          ],
        };
      }),
    };
  }

  vote() {
    const one = (name, label, options, more = {}) => this.field(select, 'lvze:Vote', name, label, {
      options: Object.entries(options).map(([value, label_]) => ({ value, label: label_ })),
      ...more,
    });
    return {
      id: 'lvze-vote',
      label: '表决（会签、或签、票签）',
      entries: [
        one('kind', '方式', { all: '会签：全体同意才通过', any: '或签：第一个决定算数', ratio: '票签：达到门槛即通过' }, { none: '（不是表决）' }),
        this.field(text, 'lvze:Vote', 'field', '表单里记录决定的一栏', { description: '例如 决定' }),
        this.field(text, 'lvze:Vote', 'agree', '哪些值算同意', { description: '多个用空格分开；不填就是“同意”' }),
        this.field(text, 'lvze:Vote', 'reject', '哪些值算反对', { description: '不填则其余的值都算反对' }),
        this.field(text, 'lvze:Vote', 'abstain', '哪些值算弃权'),
        this.field(formula, 'lvze:Vote', 'threshold', '门槛', { description: '票签用，例如 =0.5 或 =2/3；不填为 0.5' }),
        one('measure', '门槛的单位', { share: '比例', heads: '人数', weight: '权重' }, { none: '（默认：比例）' }),
        one('of', '比例的基数', { 应到: '应到（全体有表决权的人）', 实到: '实到（投了票的人）', 有效票: '有效票' }, { none: '（默认：应到）' }),
        one('tie', '恰好达到门槛', { fail: '不通过（须超过）', pass: '通过（达到即可）' }, { none: '（默认：比例须超过，人数、权重达到即可）' }),
        one('abstention', '弃权票', { valid: '算有效票', invalid: '不算有效票' }, { none: '（默认：算有效票）' }),
        this.field(formula, 'lvze:Vote', 'quorum', '法定人数', { description: '参加人数占应到的比例，例如 =4/5；不填不限' }),
        this.field(formula, 'lvze:Vote', 'weight', '每人的权重', { description: '例如 =人.票数；不填一人一票' }),
        one('early', '提前结束', { fail: '已不可能通过时', both: '胜负已定时', none: '等所有人投完' }, { none: '（默认：已不可能通过时；无记名的等所有人）' }),
        this.field(check, 'lvze:Vote', 'secret', '无记名'),
        one('franchise', '谁有表决权', { members: '正式党员（预备党员没有）', everyone: '名单上的所有人' }, { none: '（默认：票签须正式党员，会签、或签不限）' }),
        this.field(feel, 'lvze:Vote', 'until', '投票截止', { description: '时间、日期或时长；到时按已投的票计' }),
        this.field(text, 'lvze:Vote', 'result', '结果存入变量', { description: '例如 表决；之后可写 表决.结果 = "通过"' }),
      ],
    };
  }

  flow(element) {
    const source = element.source;
    const chooses = ['ExclusiveGateway', 'InclusiveGateway', 'ComplexGateway', 'Activity'].some((type) => is(source, `bpmn:${type}`))
      && source.outgoing.length > 1;
    const flow = getBusinessObject(element);
    if (!chooses && !flow.conditionExpression) return [];
    const isDefault = () => source.businessObject.default === flow;
    const fallback = check({
      id: 'lvze-default',
      label: '其他情况都走这里（默认出口）',
      read: isDefault,
      write: (_, on) => this.modeling.updateProperties(source, { default: on ? flow : undefined }),
    });
    const condition = bare({
      id: 'lvze-condition',
      label: '走这里的条件',
      description: '例如 决定 = "同意"',
      read: () => flow.conditionExpression?.body,
      write: (_, body) => this.setExpression(element, flow, 'conditionExpression', body),
    });
    return [{ id: 'lvze-flow', label: '分支', shouldOpen: true, entries: [...(isDefault() ? [] : [condition]), ...(chooses ? [fallback] : [])] }];
  }

  timer(element) {
    const definition = getBusinessObject(element).eventDefinitions[0];
    const kind = () => Object.keys(TIMERS).find((name) => definition.get(name));
    const set = (name, body) => {
      const cleared = Object.fromEntries(Object.keys(TIMERS).map((other) => [other, undefined]));
      const expression = name && this.extensions.create('bpmn:FormalExpression', { body }, definition);
      this.extensions.write(element, [[definition, { ...cleared, ...(name ? { [name]: expression } : {}) }]]);
    };
    const options = Object.entries(TIMERS).map(([value, label]) => ({ value, label }));
    const entries = [select({ id: 'lvze-timer-kind', label: '何时', options, read: kind, write: (_, name) => set(name, '') })];
    if (kind()) {
      entries.push(feel({
        id: 'lvze-timer-value',
        label: '值',
        description: EXAMPLES[kind()],
        read: () => definition.get(kind()).body,
        write: (_, body) => set(kind(), body),
      }));
    }
    return [{ id: 'lvze-timer', label: '定时', shouldOpen: true, entries }];
  }

  setExpression(element, holder, name, body) {
    const expression = body ? this.extensions.create('bpmn:FormalExpression', { body }, holder) : undefined;
    this.extensions.write(element, [[holder, { [name]: expression }]]);
  }

  // Name-and-value elements directly in the element's extensionElements.
  mappings(element, type, label) {
    return this.pairs(element, type.replace(':', '-'), label, extensions(getBusinessObject(element), type), {
      add: () => this.extensions.add(element, type, { name: '变量', value: '=' }),
      remove: (one) => this.extensions.remove(element, one),
    });
  }

  // A list of elements of one type; `shown` tells each one's label and fields.
  several(element, type, label, first, shown) {
    const id = type.replace(':', '-');
    const once = (act) => (event) => {
      event.stopPropagation();
      act();
    };
    return {
      id,
      label,
      component: ListGroup,
      add: once(() => this.extensions.add(element, type, first)),
      items: extensions(getBusinessObject(element), type).map((one, index) => {
        const field = (kind, name, label_, more = {}) => kind({
          id: `${id}-${index}-${name}`,
          label: label_,
          read: () => one.get(name),
          write: (_, value) => this.extensions.write(element, [[one, { [name]: value || undefined }]]),
          ...more,
        });
        return { id: `${id}-${index}`, remove: once(() => this.extensions.remove(element, one)), ...shown(one, field) };
      }),
    };
  }

  pairs(element, id, label, values, { add, remove }) {
    const once = (act) => (event) => {
      event.stopPropagation();
      act();
    };
    const attribute = (one, name) => ({
      read: () => one.get(name),
      write: (_, value) => this.extensions.write(element, [[one, { [name]: value || undefined }]]),
    });
    return {
      id,
      label,
      component: ListGroup,
      add: once(add),
      items: values.map((one, index) => ({
        id: `${id}-${index}`,
        label: one.name ?? '',
        autoFocusEntry: `${id}-${index}-name`,
        remove: once(() => remove(one)),
        entries: [
          text({ id: `${id}-${index}-name`, label: '名称', ...attribute(one, 'name') }),
          feel({ id: `${id}-${index}-value`, label: '值', ...attribute(one, 'value') }),
        ],
      })),
    };
  }
}

Properties.$inject = ['propertiesPanel', 'modeling', 'lvzeExtensions', 'bpmnjs', 'config.lvze'];
