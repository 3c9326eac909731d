// Offers what the engine runs, and nothing else: in the palette, beside an element and when its type is changed.
const TOOLS = ['hand-tool', 'lasso-tool', 'space-tool', 'global-connect-tool', 'tool-separator'];

const PALETTE = [
  ['create.start-event', 'bpmn:StartEvent', 'event', 'bpmn-icon-start-event-none', '开始事件'],
  ['create.end-event', 'bpmn:EndEvent', 'event', 'bpmn-icon-end-event-none', '结束事件'],
  ['create.timer', 'bpmn:IntermediateCatchEvent', 'event', 'bpmn-icon-intermediate-event-catch-timer', '定时中间事件（拖到任务边上就是边界定时）', { eventDefinitionType: 'bpmn:TimerEventDefinition' }],
  ['create.user-task', 'bpmn:UserTask', 'activity', 'bpmn-icon-user-task', '用户任务：由人办理'],
  ['create.service-task', 'bpmn:ServiceTask', 'activity', 'bpmn-icon-service-task', '服务任务：由系统办理'],
  ['create.rule-task', 'bpmn:BusinessRuleTask', 'activity', 'bpmn-icon-business-rule-task', '决策任务：查决策表'],
  ['create.call-activity', 'bpmn:CallActivity', 'activity', 'bpmn-icon-call-activity', '调用另一个流程'],
  ['create.subprocess', 'bpmn:SubProcess', 'activity', 'bpmn-icon-subprocess-expanded', '子流程', { isExpanded: true }],
  ['create.exclusive-gateway', 'bpmn:ExclusiveGateway', 'gateway', 'bpmn-icon-gateway-xor', '排他网关：只走一条'],
  ['create.parallel-gateway', 'bpmn:ParallelGateway', 'gateway', 'bpmn-icon-gateway-parallel', '并行网关：同时走'],
];

const REPLACEMENTS = new Set([
  'none-start', 'none-end', 'none-start-event', 'none-end-event', 'none-intermediate-throw', 'none-intermediate-throwing',
  'user-task', 'service-task', 'rule-task', 'call-activity', 'subprocess', 'expanded-subprocess', 'collapsed-subprocess',
  'exclusive-gateway', 'parallel-gateway', 'inclusive-gateway',
  'timer-intermediate-catch', 'timer-boundary', 'non-interrupting-timer-boundary', 'error-boundary', 'error-end', 'terminate-end',
  'sequence-flow', 'default-flow', 'conditional-flow',
].map((name) => `replace-with-${name}`));

class Offer {
  constructor(palette, contextPad, popupMenu, create, elementFactory, autoPlace, bpmnFactory) {
    Object.assign(this, { create, elementFactory, autoPlace, bpmnFactory });
    palette.registerProvider(500, this);
    contextPad.registerProvider(500, this);
    popupMenu.registerProvider('bpmn-replace', 500, {
      getPopupMenuEntries: () => (entries) =>
        Object.fromEntries(Object.entries(entries).filter(([name]) => REPLACEMENTS.has(name))),
      getPopupMenuHeaderEntries: () => ({ 'toggle-loop': _, ...entries }) => entries,
    });
  }

  action(type, group, className, title, attributes) {
    const start = (event) => {
      const shape = this.elementFactory.createShape({ type, ...attributes });
      const shapes = type === 'bpmn:SubProcess' ? [shape, this.startOf(shape)] : shape;
      this.create.start(event, shapes);
    };
    return { group, className, title, action: { dragstart: start, click: start } };
  }

  startOf(subProcess) {
    return this.elementFactory.createShape({ type: 'bpmn:StartEvent', x: 40, y: 82, parent: subProcess });
  }

  getPaletteEntries() {
    return (entries) => {
      const tools = TOOLS.filter((name) => name in entries).map((name) => [name, entries[name]]);
      const elements = PALETTE.map(([name, ...what]) => [name, this.action(...what)]);
      return Object.fromEntries([...tools, ...elements]);
    };
  }

  getContextPadEntries(element) {
    return (entries) => {
      const task = entries['append.append-task'];
      if (!task) return entries;
      const { 'append.intermediate-event': _, ...kept } = entries;
      const shape = () => this.elementFactory.createShape({ type: 'bpmn:UserTask' });
      const drag = (event) => this.create.start(event, shape(), { source: element });
      const click = () => this.autoPlace.append(element, shape());
      return {
        ...kept,
        'append.append-task': { ...task, className: 'bpmn-icon-user-task', title: '接一个用户任务', action: { dragstart: drag, click } },
      };
    };
  }
}

Offer.$inject = ['palette', 'contextPad', 'popupMenu', 'create', 'elementFactory', 'autoPlace', 'bpmnFactory'];

export default { __init__: ['lvzeOffer'], lvzeOffer: ['type', Offer] };
