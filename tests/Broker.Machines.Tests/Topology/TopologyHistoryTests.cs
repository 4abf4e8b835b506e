using Broker.Machines.Tests.Histories;
using Broker.Machines.Topology;
using Broker.Protocol;

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
        3_000,
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
        var isExchange = (step.X + step.Y + step.Z) % 3 == 0;
        var binding = new Binding(exchange, isExchange ? $"x{step.Y}" : queue, $"k{step.Z}", isExchange ? DestinationKind.Exchange : DestinationKind.Queue);
        var before = machine.Bindings.ToList();
        switch (step.Kind)
        {
            case Kind.DeclareExchange:
                topology.Declare(new ExchangeDeclaration(exchange, step.Z == 0 ? "topic" : "fanout", Passive: step.Y == 3) { AutoDelete = step.Y > 0, Internal = step.Y == 2 });
                break;
            case Kind.DeleteExchange:
                var refused = topology.DeleteExchange(exchange, ifUnused: step.Z == 0) is not null;
                Assert.Equal(exchange == "amq.fanout" || (step.Z == 0 && before.Any(b => b.Exchange == exchange)), refused);
                Assert.Equal(refused ? before : Left(before, b => b.Exchange == exchange || IsTo(b, exchange, DestinationKind.Exchange), machine, exchange), machine.Bindings);
                break;
            case Kind.DeclareQueue:
                Assert.Equal(step.X == 3 && !machine.HasQueue(queue), topology.DeclareQueue(queue, passive: step.X == 3) is not null);
                break;
            case Kind.DeleteQueue:
                topology.DeleteQueue(queue);
                Assert.Equal(Left(before, b => IsTo(b, queue, DestinationKind.Queue), machine), machine.Bindings);
                break;
            case Kind.Bind:
                var endsExist = (isExchange ? machine.Exchanges.Any(e => e.Name == binding.Destination) : machine.HasQueue(queue)) && machine.Exchanges.Any(e => e.Name == exchange);
                Assert.Equal(endsExist, topology.Bind(binding) is null);
                Assert.Equal(endsExist, machine.Bindings.Contains(binding));
                break;
            default:
                topology.Unbind(binding);
                Assert.Equal(Left(before, b => b == binding, machine), machine.Bindings);
                break;
        }
    }

    private static bool IsTo(Binding binding, string name, DestinationKind kind) => binding.Destination == name && binding.Kind == kind;

    /// <summary>
    /// What is left when some bindings go: while an auto-delete exchange has lost its last one, those to it go as well. Such an exchange is gone afterwards, so it is told by that.
    /// </summary>
    private static List<Binding> Left(List<Binding> before, Func<Binding, bool> goes, TopologyMachine after, string? deleted = null)
    {
        var left = before.Where(b => !goes(b)).ToList();
        while (before.FirstOrDefault(b => b.Exchange != deleted && !left.Any(l => l.Exchange == b.Exchange) && left.Any(l => IsTo(l, b.Exchange, DestinationKind.Exchange))
            && !after.TryGetExchange(b.Exchange, out _)) is { } empty)
        {
            left.RemoveAll(l => IsTo(l, empty.Exchange, DestinationKind.Exchange));
        }

        // An auto-delete exchange that had bindings, and has none now, is gone; any other is there.
        foreach (var exchange in before.Select(b => b.Exchange).Distinct().Where(e => e != deleted))
        {
            var isBound = left.Any(l => l.Exchange == exchange);
            Assert.True(after.TryGetExchange(exchange, out var there) ? !there.AutoDelete || isBound : !isBound, exchange);
        }

        return left;
    }

    /// <summary>Carries out effects as the actors do, and insists that each makes sense when it comes.</summary>
    private sealed class Follower
    {
        private readonly SortedDictionary<string, ExchangeDefinition> _exchanges = new(TopologyNames.BuiltInsOf("/").ToDictionary(e => e.Name), StringComparer.Ordinal);

        public IEnumerable<ExchangeDefinition> Exchanges => _exchanges.Values;

        public SortedSet<string> Queues { get; } = new(StringComparer.Ordinal);

        public HashSet<Binding> Bindings { get; } = [];

        private bool IsThere(Binding binding) => binding.Kind == DestinationKind.Queue ? Queues.Contains(binding.Destination) : _exchanges.ContainsKey(binding.Destination);

        public void Follow(IEnumerable<TopologyChange> changes)
        {
            foreach (var effect in changes)
            {
                Assert.True(
                    effect switch
                    {
                        TopologyChange.ExchangeAdded e => _exchanges.TryAdd(e.Exchange.Name, e.Exchange),
                        TopologyChange.ExchangeRemoved e => _exchanges.Remove(e.Exchange) && !Bindings.Any(b => b.Exchange == e.Exchange || IsTo(b, e.Exchange, DestinationKind.Exchange)),
                        TopologyChange.QueueAdded e => Queues.Add(e.Queue.Name),
                        TopologyChange.QueueRemoved e => Queues.Remove(e.Queue) && !Bindings.Any(b => IsTo(b, e.Queue, DestinationKind.Queue)),
                        TopologyChange.BindingAdded e => _exchanges.ContainsKey(e.Binding.Exchange) && IsThere(e.Binding) && Bindings.Add(e.Binding),
                        TopologyChange.BindingRemoved e => Bindings.Remove(e.Binding),
                        _ => false,
                    },
                    $"{effect} makes no sense here");
            }
        }
    }
}
