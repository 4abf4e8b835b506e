using System.Globalization;
using System.Threading.Channels;
using Broker.Actors.Routing;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Protocol.Links;

namespace Broker.Actors.Tests.Routing;

/// <summary>What waits for a leader waits within a bound.</summary>
public sealed class RouteBoundTests
{
    private const int PartBytes = 1 << 20;
    private const int Bound = 64 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task What_waits_beyond_the_bound_is_given_up_at_once_and_all_who_wait_hear_it()
    {
        await using var system = EmbeddedActorSystem.Create("node", new ActorSystemOptions());
        var route = system.ActorOf(Props.Create(() => new RemoteShardActor(7, TimeSpan.FromHours(1))).WithMailbox(RemoteShardActor.MailboxSize), "route");
        var lost = Channel.CreateUnbounded<(string Queue, string Reason)>();
        var queues = new[] { "one", "two" }.Select(name => (Name: name, Actor: system.ActorOf(Props.Create(() => new Queue(name, lost.Writer)), name))).ToList();
        ReadOnlyMemory<byte> body = new byte[PartBytes];
        for (var part = 1; part <= (Bound / PartBytes) - 1; part++)
        {
            Forward(part);
        }

        Forward(Bound / PartBytes);
        List<(string Queue, string Reason)> heard = [await NextAsync(), await NextAsync()];
        Assert.Equal(["one", "two"], heard.Select(h => h.Queue).Order());
        Assert.All(heard, h => Assert.Matches("^no node leads it, and [0-9]+ bytes wait for one$", h.Reason));
        Assert.All(heard, h => Assert.InRange(long.Parse(h.Reason.Split(' ')[5], CultureInfo.InvariantCulture), Bound, Bound + PartBytes)); // and no sooner

        void Forward(int number)
        {
            var (name, actor) = queues[number % 2];
            route.Tell(new RouteCommand.Forward(name, new RouteMessage(RouteKind.Publish, (ulong)(1 + (number % 2))) { Number = (ulong)number, Items = [new RouteItem(1, 0, 0, 0, body)] }), actor);
        }

        async Task<(string Queue, string Reason)> NextAsync() => await lost.Reader.ReadAsync().AsTask().WaitAsync(s_patience);
    }

    private sealed class Queue(string name, ChannelWriter<(string Queue, string Reason)> lost) : Actor
    {
        protected override void Receive(object message) => lost.TryWrite((name, ((RouteCommand.Lost)message).Reason));
    }
}
