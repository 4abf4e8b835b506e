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
    public static JsonObject Of(NodeServices node, LocalQueue queue) => queue.IsLocal ? LocalRow(node, queue) : RemoteRow(node, queue);

    private static JsonObject RemoteRow(NodeServices node, LocalQueue queue) => new()
    {
        ["name"] = EntityName.LocalOf(queue.Name),
        ["vhost"] = EntityName.VhostOf(queue.Name),
        ["durable"] = queue.IsDurable,
        ["arguments"] = Text(queue.Definition.Arguments.ToTable()),
        ["autoDelete"] = queue.Definition.AutoDelete,
        ["owner"] = queue.Definition.Owner,
        ["policy"] = node.Policies.Find(queue.Name, KindOf(queue)).Policy?.Name ?? "",
        ["operatorPolicy"] = node.Policies.Find(queue.Name, KindOf(queue)).OperatorPolicy?.Name ?? "",
        ["leader"] = node.LeaderOf(queue.Name),
    };

    private static JsonObject LocalRow(NodeServices node, LocalQueue queue) => new()
    {
        ["name"] = EntityName.LocalOf(queue.Name),
        ["vhost"] = EntityName.VhostOf(queue.Name),
        ["durable"] = queue.IsDurable,
        ["arguments"] = Text(queue.Definition.Arguments.ToTable()),
        ["autoDelete"] = queue.Definition.AutoDelete,
        ["owner"] = queue.Definition.Owner,
        ["policy"] = node.Policies.Find(queue.Name, KindOf(queue)).Policy?.Name ?? "",
        ["operatorPolicy"] = node.Policies.Find(queue.Name, KindOf(queue)).OperatorPolicy?.Name ?? "",
        ["ready"] = queue.Status.Ready,
        ["delayed"] = queue.Status.Delayed,
        ["deadLettersUnderWay"] = queue.Status.DeadLettersUnderWay,
        ["unsettled"] = queue.Status.Unsettled,
        ["consumers"] = queue.Status.Consumers,
        ["bytes"] = queue.Status.SizeBytes,
        ["bytesInMemory"] = queue.Status.LoadedBytes,
        ["state"] = queue.Status.IsPaused ? "paused" : "running",
        ["blocked"] = queue.Status.Parked > 0 ? "publishers wait" : "",
        ["enqueued"] = queue.Status.Enqueued,
        ["delivered"] = queue.Status.Delivered,
        ["redelivered"] = queue.Status.Redelivered,
        ["acknowledged"] = queue.Status.Acknowledged,
        ["rejected"] = queue.Status.Counters.Rejected,
        ["expired"] = queue.Status.Counters.Expired,
        ["overflowed"] = queue.Status.Counters.Overflowed,
        ["returnedTooOften"] = queue.Status.Counters.ReturnedTooOften,
        ["deadLettered"] = queue.Status.Counters.DeadLettered,
        ["dropped"] = queue.Status.Counters.Dropped,
        ["refused"] = queue.Status.Counters.Refused,
        ["duplicates"] = queue.Status.Counters.Duplicates,
        ["leader"] = node.LeaderOf(queue.Name),
    };

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
