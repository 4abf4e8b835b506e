using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>What goes with what is removed.</summary>
public sealed partial class TopologyMachine
{
    /// <summary>An exchange or queue is gone, whoever removed it: it and its bindings are to go, and nothing that would go with them of itself.</summary>
    public TopologyPlan PlanRemoveWithBindings(string name, DestinationKind kind)
    {
        if (!(kind == DestinationKind.Exchange ? _exchanges.ContainsKey(name) : _queues.ContainsKey(name)))
        {
            return TopologyPlan.Nothing;
        }

        var bindings = kind == DestinationKind.Exchange ? _exchanges[name].Bindings.Union(_exchanges[name].Inbound) : _queues[name].Bindings;
        return TopologyPlan.Change(
        [
            .. Ordered(bindings).Select(b => new TopologyChange.BindingRemoved(b)),
            kind == DestinationKind.Exchange ? new TopologyChange.ExchangeRemoved(name) : new TopologyChange.QueueRemoved(name),
        ]);
    }

    /// <summary>
    /// A plan that was carried out in part: exchanges that were to go with their last binding, and have lost it, go now.
    /// </summary>
    /// <param name="plan">What is to be done further.</param>
    /// <param name="doomed">Exchanges that were to go.</param>
    public TopologyPlan PlanAlso(TopologyPlan plan, IEnumerable<string> doomed)
    {
        ArgumentNullException.ThrowIfNull(doomed);
        var removal = new Removal(this);
        foreach (var name in doomed.Where(n => IsAutoDelete(n) && !IsBound(n)))
        {
            removal.Exchange(name);
        }

        var planned = plan.Changes.ToHashSet();
        var rest = removal.Plan.Changes.Where(c => !planned.Contains(c)).ToList();
        return plan.Fault is not null || rest.Count == 0 ? plan : TopologyPlan.Change([.. plan.Changes, .. rest]);
    }

    /// <summary>
    /// Collects what goes: bindings before their ends, and with the last binding from an auto-delete exchange that exchange, the bindings to it, and so on.
    /// </summary>
    private sealed class Removal(TopologyMachine machine)
    {
        private readonly List<TopologyChange> _changes = [];
        private readonly HashSet<Binding> _bindings = [];
        private readonly HashSet<string> _exchanges = new(StringComparer.Ordinal);
        private readonly Dictionary<string, int> _left = new(StringComparer.Ordinal); // bindings that an auto-delete exchange keeps
        private readonly Queue<string> _doomed = new();

        public TopologyPlan Plan => TopologyPlan.Change(_changes);

        public Removal Binding(Binding binding)
        {
            Remove(binding);
            return RemoveDoomed();
        }

        public Removal Exchange(string name)
        {
            RemoveExchange(name);
            return RemoveDoomed();
        }

        public Removal Queue(string name)
        {
            RemoveAll(machine._queues[name].Bindings);
            _changes.Add(new TopologyChange.QueueRemoved(name));
            return RemoveDoomed();
        }

        public Removal Vhost(string name)
        {
            foreach (var (exchange, known) in machine._exchanges.Where(e => EntityName.VhostOf(e.Key) == name).OrderBy(e => e.Key, StringComparer.Ordinal).ToList())
            {
                if (TopologyNames.IsBuiltIn(exchange))
                {
                    RemoveAll(known.Bindings);
                    RemoveAll(known.Inbound);
                }
                else
                {
                    RemoveExchange(exchange);
                }
            }

            foreach (var queue in machine._queues.Keys.Where(q => EntityName.VhostOf(q) == name).Order(StringComparer.Ordinal).ToList())
            {
                Queue(queue);
            }

            RemoveDoomed();
            _changes.Add(new TopologyChange.VhostRemoved(name));
            return this;
        }

        /// <summary>Those that follow from others come after all that they follow from, one by one, so that a long chain of them needs no deep stack.</summary>
        private Removal RemoveDoomed()
        {
            while (_doomed.TryDequeue(out var name))
            {
                RemoveExchange(name);
            }

            return this;
        }

        private void RemoveExchange(string name)
        {
            if (_exchanges.Add(name))
            {
                RemoveAll(machine._exchanges[name].Bindings);
                RemoveAll(machine._exchanges[name].Inbound);
                _changes.Add(new TopologyChange.ExchangeRemoved(name));
            }
        }

        private void RemoveAll(HashSet<Binding> bindings)
        {
            foreach (var binding in Ordered(bindings))
            {
                Remove(binding);
            }
        }

        private void Remove(Binding binding)
        {
            if (!_bindings.Add(binding))
            {
                return;
            }

            _changes.Add(new TopologyChange.BindingRemoved(binding));
            var source = machine._exchanges[binding.Exchange];
            if (source.Definition.AutoDelete && !_exchanges.Contains(binding.Exchange))
            {
                var left = _left.GetValueOrDefault(binding.Exchange, source.Bindings.Count) - 1;
                _left[binding.Exchange] = left;
                if (left == 0)
                {
                    _doomed.Enqueue(binding.Exchange);
                }
            }
        }
    }
}
