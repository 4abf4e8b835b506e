using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary>Hears what happens in the cluster for somebody who is no actor.</summary>
internal sealed class ClusterTail(ActorRef cluster, Channel<ClusterReply.Event> events) : Actor
{
    private const int MaxUnread = 1024;

    /// <summary>Yields events until the caller has enough. Who reads too slowly misses the oldest ones, and is told how many.</summary>
    /// <exception cref="AdminException">The cluster's actor has ended.</exception>
    public static async IAsyncEnumerable<JsonObject> ReadAsync(ActorSystem system, ActorRef cluster, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var missed = 0L;
        var events = Channel.CreateBounded<ClusterReply.Event>(
            new BoundedChannelOptions(MaxUnread) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true, SingleWriter = true },
            _ => Interlocked.Increment(ref missed));
        var tail = system.ActorOf(Props.Create(() => new ClusterTail(cluster, events)));
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
                events.Writer.TryWrite(happened);
                break;
            case Terminated:
                events.Writer.TryComplete(new AdminException(ErrorCode.Unavailable, "this node's part in the cluster has ended"));
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private static JsonObject Row(ClusterReply.Event happened) => new()
    {
        ["time"] = happened.Time.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
        ["kind"] = happened.Kind,
        ["subject"] = happened.Subject,
        ["detail"] = happened.Detail,
    };
}
