using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary>Hears what happens in the cluster for somebody who is no actor.</summary>
internal sealed class ClusterTail(ActorRef cluster, Action<ClusterReply.Event> hear, Action ended) : Actor
{
    private const int MaxUnread = 1024;

    /// <summary>Has <see cref="BrokerClusterOptions.OnEvent"/> hear of everything; if there is one. By whoever starts the cluster's actor, as soon as it has.</summary>
    public static void Report(ActorSystem system, ClusterServices cluster)
    {
        if (cluster.Options.OnEvent is { } hear)
        {
            system.ActorOf(Props.Create(() => new ClusterTail(cluster.Cluster, e => hear(new ClusterEvent(e.Time, e.Kind, e.Subject, e.Detail)), () => { })), "cluster-log");
        }
    }

    /// <summary>Yields events until the caller has enough. Who reads too slowly misses the oldest ones, and is told how many.</summary>
    /// <exception cref="AdminException">The cluster's actor has ended.</exception>
    public static async IAsyncEnumerable<JsonObject> ReadAsync(ActorSystem system, ActorRef cluster, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var missed = 0L;
        var events = Channel.CreateBounded<ClusterReply.Event>(
            new BoundedChannelOptions(MaxUnread) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true, SingleWriter = true },
            _ => Interlocked.Increment(ref missed));
        var tail = system.ActorOf(Props.Create(() => new ClusterTail(
            cluster,
            happened => events.Writer.TryWrite(happened),
            () => events.Writer.TryComplete(new AdminException(ErrorCode.Unavailable, "this node's part in the cluster has ended")))));
        try
        {
            await foreach (var happened in events.Reader.ReadAllAsync(cancellationToken))
            {
                if (Interlocked.Exchange(ref missed, 0) is > 0 and var count)
                {
                    yield return Row(happened with { Kind = "missed", Subject = "", Detail = string.Create(CultureInfo.InvariantCulture, $"{count} events, read too slowly") });
                }

                yield return Row(happened);
            }
        }
        finally
        {
            system.Stop(tail);
        }
    }

    protected override void PreStart()
    {
        Context.Watch(cluster);
        cluster.Tell(new ClusterCommand.Tail(Self));
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ClusterReply.Event happened:
                hear(happened);
                break;
            case Terminated:
                ended();
                Context.Stop(Self);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private static JsonObject Row(ClusterReply.Event happened) => new()
    {
        ["time"] = happened.Time.ToString("O", CultureInfo.InvariantCulture),
        ["kind"] = happened.Kind,
        ["subject"] = happened.Subject,
        ["detail"] = happened.Detail,
    };
}
