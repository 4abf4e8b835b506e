using Broker.Machines.Routing;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Topology;

namespace Broker.Machines.Tests.Topology;

/// <summary>Whatever is declared and deleted: whoever carries out the effects, in order, ends up with what the machine lists, and never meets a binding without its ends.</summary>
public class TopologyHistoryTests
{
    private enum Kind
    {
        DeclareExchange,
        DeleteExchange,
        DeclareQueue,
        DeleteQueue,
        Bind,
        Unbind,
    }

    private static readonly Kind[] Frequencies =
    [
        Kind.DeclareExchange, Kind.DeclareExchange, Kind.DeclareExchange, Kind.DeleteExchange, Kind.DeclareQueue, Kind.DeclareQueue, Kind.DeclareQueue, Kind.DeleteQueue,
        Kind.Bind, Kind.Bind, Kind.Bind, Kind.Bind, Kind.Bind, Kind.Bind, Kind.Unbind, Kind.Unbind,
    ];

    private readonly record struct Step(Kind Kind, int X, int Y, int Z);

    [Fact]
    public void Effects_lead_to_what_is_listed() => RandomHistories.Check(
        1_500,
        120,
        random => new Step(Frequencies[random.Next(Frequencies.Length)], random.Next(4), random.Next(4), random.Next(3)),
        steps =>
        {
            var topology = new AppliedTopology();
            var machine = topology.Machine;
            var follower = new Follower();
            foreach (var step in steps)
            {
                Perform(topology, step);
                follower.Follow(topology.Changes());
                Same.Sequence(machine.Exchanges, follower.Exchanges);
                Same.Sequence(machine.Queues.Select(q => q.Name), follower.Queues);
                Assert.Equal(machine.QueueCount, follower.Queues.Count);
                Assert.True(follower.Bindings.SetEquals(machine.Bindings), "the bindings differ");
            }
        });

    private static void Perform(AppliedTopology topology, Step step)
    {
        var machine = topology.Machine;
        var (exchange, queue) = (step.X == 3 ? "amq.fanout" : $"x{step.X}", $"q{step.Y}");
        var binding = new Binding(exchange, queue, $"k{step.Z}");
        var before = machine.Bindings.ToList();
        switch (step.Kind)
        {
            case Kind.DeclareExchange:
                topology.DeclareExchange(exchange, step.Z == 0 ? "direct" : "fanout", passive: step.Y == 3);
                break;
            case Kind.DeleteExchange:
                var refused = topology.DeleteExchange(exchange, ifUnused: step.Z == 0) is not null;
                Assert.Equal(exchange == "amq.fanout" || (step.Z == 0 && before.Any(b => b.Exchange == exchange)), refused);
                Assert.Equal(refused ? before : before.Where(b => b.Exchange != exchange), machine.Bindings);
                break;
            case Kind.DeclareQueue:
                Assert.Equal(step.X == 3 && !machine.HasQueue(queue), topology.DeclareQueue(queue, passive: step.X == 3) is not null);
                break;
            case Kind.DeleteQueue:
                topology.DeleteQueue(queue);
                Assert.Equal(before.Where(b => b.Queue != queue), machine.Bindings);
                break;
            case Kind.Bind:
                var endsExist = machine.HasQueue(queue) && machine.Exchanges.Any(e => e.Name == exchange);
                Assert.Equal(endsExist, topology.Bind(binding) is null);
                Assert.Equal(endsExist, machine.Bindings.Contains(binding));
                break;
            default:
                topology.Unbind(binding);
                Assert.Equal(before.Where(b => b != binding), machine.Bindings);
                break;
        }
    }

    /// <summary>Carries out effects as the actors do, and insists that each makes sense when it comes.</summary>
    private sealed class Follower
    {
        private readonly SortedDictionary<string, ExchangeKind> _exchanges = new(TopologyNames.BuiltInExchanges.ToDictionary(e => e.Name, e => e.Kind), StringComparer.Ordinal);

        public IEnumerable<ExchangeDefinition> Exchanges => _exchanges.Select(e => new ExchangeDefinition(e.Key, e.Value));

        public SortedSet<string> Queues { get; } = new(StringComparer.Ordinal);

        public HashSet<Binding> Bindings { get; } = [];

        public void Follow(IEnumerable<TopologyChange> changes)
        {
            foreach (var effect in changes)
            {
                Assert.True(
                    effect switch
                    {
                        TopologyChange.ExchangeAdded e => _exchanges.TryAdd(e.Exchange.Name, e.Exchange.Kind),
                        TopologyChange.ExchangeRemoved e => _exchanges.Remove(e.Exchange) && !Bindings.Any(b => b.Exchange == e.Exchange),
                        TopologyChange.QueueAdded e => Queues.Add(e.Queue.Name),
                        TopologyChange.QueueRemoved e => Queues.Remove(e.Queue) && !Bindings.Any(b => b.Queue == e.Queue),
                        TopologyChange.BindingAdded e => _exchanges.ContainsKey(e.Binding.Exchange) && Queues.Contains(e.Binding.Queue) && Bindings.Add(e.Binding),
                        TopologyChange.BindingRemoved e => Bindings.Remove(e.Binding),
                        _ => false,
                    },
                    $"{effect} makes no sense here");
            }
        }
    }
}
