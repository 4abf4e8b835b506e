using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Broker.Actors.Queues;
using Broker.Actors.Server;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary>Queues and their messages in listings.</summary>
internal static class QueueRows
{
    private const int MaxBodyBytes = 4096;
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private static QueueKind KindOf(LocalQueue queue) => queue.Definition.Arguments.Kind ?? QueueKind.Queue;

    /// <summary>A queue in listings; one that another node leads has no figures here.</summary>
    public static JsonObject Of(NodeServices node, LocalQueue queue)
    {
        var (policy, operatorPolicy) = node.Policies.Find(queue.Name, KindOf(queue));
        var row = new JsonObject
        {
            ["name"] = EntityName.LocalOf(queue.Name),
            ["vhost"] = EntityName.VhostOf(queue.Name),
            ["durable"] = queue.IsDurable,
            ["arguments"] = Text(queue.Definition.Arguments.ToTable()),
            ["autoDelete"] = queue.Definition.AutoDelete,
            ["owner"] = queue.Definition.Owner,
            ["policy"] = policy?.Name ?? "",
            ["operatorPolicy"] = operatorPolicy?.Name ?? "",
        };
        if (queue.IsLocal)
        {
            AddFigures(row, queue.Status);
        }

        row["leader"] = node.LeaderOf(queue.Name);
        return row;
    }

    private static void AddFigures(JsonObject row, QueueStatus status)
    {
        var counters = status.Counters;
        row["ready"] = status.Ready;
        row["delayed"] = status.Delayed;
        row["deadLettersUnderWay"] = status.DeadLettersUnderWay;
        row["unsettled"] = status.Unsettled;
        row["consumers"] = status.Consumers;
        row["bytes"] = status.SizeBytes;
        row["bytesInMemory"] = status.LoadedBytes;
        row["state"] = status.IsPaused ? "paused" : "running";
        row["blocked"] = status.Parked > 0 ? "publishers wait" : "";
        row["enqueued"] = status.Enqueued;
        row["delivered"] = status.Delivered;
        row["redelivered"] = status.Redelivered;
        row["acknowledged"] = status.Acknowledged;
        row["rejected"] = counters.Rejected;
        row["expired"] = counters.Expired;
        row["overflowed"] = counters.Overflowed;
        row["returnedTooOften"] = counters.ReturnedTooOften;
        row["deadLettered"] = counters.DeadLettered;
        row["dropped"] = counters.Dropped;
        row["refused"] = counters.Refused;
        row["duplicates"] = counters.Duplicates;
    }

    /// <summary>A message in listings. What is on the disk only is not read for it.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="due">When it is due, in milliseconds since the Unix epoch; <c>null</c> if it does not wait.</param>
    public static JsonObject OfMessage(QueueEntry entry, long? due = null)
    {
        var row = new JsonObject
        {
            ["position"] = entry.Position,
            ["priority"] = entry.Message.Meta.Priority,
            ["taken"] = Time(entry.Message.Meta.TakenAt),
            ["deliveries"] = entry.DeliveryCount,
        };
        if (due is { } at)
        {
            row["due"] = Time(at);
        }

        if (entry.Message.IsLoaded)
        {
            Describe(row, entry);
        }
        else
        {
            row["bytes"] = entry.Message.SizeBytes;
            row["body"] = "(on disk)";
        }

        return row;
    }

    private static void Describe(JsonObject row, QueueEntry entry)
    {
        var bytes = entry.Message.Bytes.Span;
        if (!MessageView.TryParse(bytes, out var view, out var fault))
        {
            throw new AdminException(ErrorCode.InternalError, $"message {entry.Position} does not parse: {fault.Reason}");
        }

        var shown = view.Body[..Math.Min(view.Body.Length, MaxBodyBytes)];
        if (shown.Length < view.Body.Length && Rune.DecodeLastFromUtf8(shown, out _, out var partial) == OperationStatus.NeedMoreData)
        {
            shown = shown[..^partial]; // cut between characters, or text would look like something else
        }

        row["exchange"] = Encoding.UTF8.GetString(view.Exchange);
        row["key"] = Encoding.UTF8.GetString(view.RoutingKey);
        row["bytes"] = view.Body.Length;
        row["body"] = TextOf(shown) ?? Convert.ToHexString(shown);
        row["encoding"] = TextOf(shown) is null ? "hex" : "utf-8";
        row["cut"] = shown.Length < view.Body.Length;
    }

    private static string Text(FieldTable table) => string.Join(' ', table.Select(a => $"{a.Key}={(a.Value.AsText() ?? a.Value.ToString())}"));

    private static string Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("O", CultureInfo.InvariantCulture);

    private static string? TextOf(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
