// Offers what the engine runs, and nothing else: in the palette, beside an element and when its type is changed.
import { getBusinessObject, is } from 'bpmn-js/lib/util/ModelUtil';

const TOOLS = ['hand-tool', 'lasso-tool', 'space-tool', 'global-connect-tool', 'tool-separator'];

const PALETTE = [
  ['create.start-event', 'bpmn:StartEvent', 'event', 'bpmn-icon-start-event-none', '开始事件'],
  ['create.intermediate-event', 'bpmn:IntermediateThrowEvent', 'event', 'bpmn-icon-intermediate-event-none', '中间事件：放好后换类型（消息、信号、条件等）；拖到任务边上就是边界事件'],
  ['create.end-event', 'bpmn:EndEvent', 'event', 'bpmn-icon-end-event-none', '结束事件'],
  ['create.timer', 'bpmn:IntermediateCatchEvent', 'event', 'bpmn-icon-intermediate-event-catch-timer', '定时中间事件（拖到任务边上就是边界定时）', { eventDefinitionType: 'bpmn:TimerEventDefinition' }],
  ['create.user-task', 'bpmn:UserTask', 'activity', 'bpmn-icon-user-task', '用户任务：由人办理'],
  ['create.service-task', 'bpmn:ServiceTask', 'activity', 'bpmn-icon-service-task', '服务任务：由系统办理'],
  ['create.rule-task', 'bpmn:BusinessRuleTask', 'activity', 'bpmn-icon-business-rule-task', '决策任务：查决策表'],
  ['create.call-activity', 'bpmn:CallActivity', 'activity', 'bpmn-icon-call-activity', '调用另一个流程'],
  ['create.subprocess', 'bpmn:SubProcess', 'activity', 'bpmn-icon-subprocess-expanded', '子流程', { isExpanded: true }],
  ['create.event-subprocess', 'bpmn:SubProcess', 'activity', 'bpmn-icon-event-subprocess-expanded', '事件子流程：事件发生时才办，不连线', { isExpanded: true, triggeredByEvent: true }],
  ['create.exclusive-gateway', 'bpmn:ExclusiveGateway', 'gateway', 'bpmn-icon-gateway-xor', '排他网关：只走一条'],
  ['create.parallel-gateway', 'bpmn:ParallelGateway', 'gateway', 'bpmn-icon-gateway-parallel', '并行网关：同时走'],
  ['create.data-object', 'bpmn:DataObjectReference', 'data', 'bpmn-icon-data-object', '数据对象：与变量同名'],
  ['create.participant', 'bpmn:Participant', 'data', 'bpmn-icon-participant', '泳池：框住流程，再分成泳道', { isExpanded: true }],
];

// Of what an element can be changed into, what would be refused, be only a picture, or hide what it holds.
const REFUSED = new Set(['script-task', 'data-store-reference', 'collapsed-pool'].map((name) => `replace-with-${name}`));
const HEADER_REFUSED = ['toggle-participant-multiplicity', 'toggle-is-collection'];

// A process is not started by a condition: there are no variables yet.
const refused = (element, name) => REFUSED.has(name)
  || (name === 'replace-with-conditional-start' && is(getBusinessObject(element).$parent, 'bpmn:Process'));
const without = (entries, unwanted) => Object.fromEntries(Object.entries(entries).filter(([name]) => !unwanted(name)));

class Offer {
  constructor(palette, contextPad, popupMenu, create, elementFactory, autoPlace, bpmnFactory) {
    Object.assign(this, { create, elementFactory, autoPlace, bpmnFactory });
    palette.registerProvider(500, this);
    contextPad.registerProvider(500, this);
    popupMenu.registerProvider('bpmn-replace', 500, {
      getPopupMenuEntries: (element) => (entries) => without(entries, (name) => refused(element, name)),
      getPopupMenuHeaderEntries: () => (entries) => without(entries, (name) => HEADER_REFUSED.includes(name)),
    });
  }

  action(type, group, className, title, attributes) {
    const start = (event) => {
      const { elementFactory } = this;
      const shape = type === 'bpmn:Participant'
        ? elementFactory.createParticipantShape(attributes)
        : elementFactory.createShape({ type, ...attributes });
      const shapes = type === 'bpmn:SubProcess' ? [shape, this.startOf(shape)] : shape;
      this.create.start(event, shapes);
    };
    return { group, className, title, action: { dragstart: start, click: start } };
  }

  // An event sub-process starts by an event: a message, until another is chosen.
  startOf(subProcess) {
    const triggered = getBusinessObject(subProcess).triggeredByEvent && { eventDefinitionType: 'bpmn:MessageEventDefinition' };
    return this.elementFactory.createShape({ type: 'bpmn:StartEvent', x: 40, y: 82, parent: subProcess, ...triggered });
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
      const shape = () => this.elementFactory.createShape({ type: 'bpmn:UserTask' });
      const drag = (event) => this.create.start(event, shape(), { source: element });
      const click = () => this.autoPlace.append(element, shape());
      return {
        ...entries,
        'append.append-task': { ...task, className: 'bpmn-icon-user-task', title: '接一个用户任务', action: { dragstart: drag, click } },
      };
    };
  }
}

Offer.$inject = ['palette', 'contextPad', 'popupMenu', 'create', 'elementFactory', 'autoPlace', 'bpmnFactory'];

export default { __init__: ['lvzeOffer'], lvzeOffer: ['type', Offer] };
