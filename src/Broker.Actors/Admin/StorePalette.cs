using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Storage.Quarantines;
using Broker.Storage.Records;
using Broker.Storage.Recovery;

namespace Broker.Actors.Admin;

/// <summary><c>store</c>: what this node has on disk.</summary>
internal static class StorePalette
{
    /// <summary>Bytes of a piece in one row: with JSON and base64 around them, well below the limit of a frame.</summary>
    private const int ExportBytes = 256 << 10;

    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand(
            "store show",
            "Show the log, the disk, and why publishers of durable queues wait",
            [],
            ["state", "blocked", "logBytes", "logFiles", "freeBytes", "syncs", "records", "checkpoints", "lostMessages"],
            (_, _) => BuiltInCommands.Rows(Show(StorageOf(node))));
        yield return new AdminCommand(
            "store verify",
            "Read everything on disk and compare it with its checksums; what is damaged is set aside",
            [new AdminArgument("queue", ArgumentKind.Option, "string", "Only this queue's segments; default: the log and all queues"), VhostArgument.Option],
            ["file", "queue", "bytes", "records", "damaged"],
            Run: null,
            Stream: (a, token) => VerifyAsync(node, StorageOf(node), a.Text("queue").Length > 0 ? VhostArgument.EntityOf(node, a, "queue") : "", token));
        yield return new AdminCommand(
            "store quarantine list",
            "List the damaged pieces that were set aside",
            [],
            ["id", "found", "queue", "position", "messages", "bytes", "file", "offset", "reason"],
            async (_, _) => await StorageOf(node).RunAsync<IReadOnlyList<JsonObject>>(() => [.. StorageOf(node).Options.Store.Quarantine.List().Select(e => Row(node, e))]));
        yield return new AdminCommand(
            "store quarantine export",
            "Give the bytes of a damaged piece, message by message where they can be told apart, in base64",
            [new AdminArgument("id", ArgumentKind.Positional, "int", "Number of the piece", Required: true)],
            ["position", "state", "offset", "data"],
            Run: null,
            Stream: (a, _) => ExportAsync(StorageOf(node), a.Number("id", 1, int.MaxValue)));
    }

    /// <exception cref="AdminException">The node keeps nothing on disk.</exception>
    private static NodeStorage StorageOf(NodeServices node) => node.Storage ?? throw new AdminException(ErrorCode.NotFound, "this node keeps nothing on disk");

    private static JsonObject Show(NodeStorage storage) => new()
    {
        ["state"] = storage.Log.State.ToString().ToLowerInvariant(),
        ["reason"] = storage.Log.Reason,
        ["blocked"] = storage.BlockedBy is { } reason ? $"publishers: the queue {reason}" : "",
        ["logBytes"] = storage.Log.SizeBytes,
        ["logBytesGoal"] = storage.Options.Log.MaxBytes,
        ["logFiles"] = storage.Log.FileCount,
        ["freeBytes"] = storage.Options.Store.Disk.FreeBytes,
        ["freeBytesMin"] = storage.Options.MinFreeBytes,
        ["syncs"] = storage.Log.SyncCount,
        ["records"] = storage.Log.RecordCount,
        ["checkpoints"] = storage.Counters.Checkpoints,
        ["copies"] = storage.Counters.Copies,
        ["compactions"] = storage.Counters.Compactions,
        ["messagesCopied"] = storage.Counters.CopiedMessages,
        ["segmentsDeleted"] = storage.Counters.DeletedSegments,
        ["messagesLoaded"] = storage.Counters.LoadedMessages,
        ["lostMessages"] = storage.Counters.LostMessages,
        ["store"] = storage.Options.Store.Identity.Store.ToString(),
    };

    private static async IAsyncEnumerable<JsonObject> VerifyAsync(NodeServices node, NodeStorage storage, string only, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (only.Length == 0)
        {
            using var files = StoreVerifier.VerifyLog(storage.Log).GetEnumerator();
            while (await storage.RunAsync(files.MoveNext))
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return await RowAsync(storage, files.Current, "");
            }
        }
        else if (!node.Queues.TryGet(only, out _))
        {
            throw new AdminException(ErrorCode.NotFound, TopologyMachine.NoQueue(only).Reason);
        }

        foreach (var queue in node.Queues.Durable.Where(q => only.Length == 0 || q.Name == only))
        {
            foreach (var segment in await SegmentsAsync(queue, cancellationToken))
            {
                cancellationToken.ThrowIfCancellationRequested();
                var verified = await storage.RunAsync(() => StoreVerifier.VerifySegment(storage.Segments, queue.Id, segment.Number, segment.Length));
                if (verified.Damages.Count == 0 || (await SegmentsAsync(queue, cancellationToken)).Any(s => s.Number == segment.Number)) // else it was given up meanwhile
                {
                    yield return await RowAsync(storage, verified, queue.Name);
                }
            }
        }
    }

    private static async Task<IReadOnlyList<SegmentEntry>> SegmentsAsync(LocalQueue queue, CancellationToken cancellationToken)
    {
        try
        {
            return (await queue.Actor.AskAsync<QueueReply.Segments>(QueueMessage.ListSegments.Instance, BuiltInCommands.AskTimeout, cancellationToken)).Entries;
        }
        catch (AskUndeliveredException)
        {
            return []; // deleted since the queues were listed
        }
    }

    private static async Task<JsonObject> RowAsync(NodeStorage storage, VerifiedFile file, string queue)
    {
        foreach (var damage in file.Damages)
        {
            await storage.RunAsync(() => storage.Options.Store.Quarantine.Add(damage));
        }

        return new JsonObject
        {
            ["file"] = file.File,
            ["queue"] = EntityName.LocalOf(queue),
            ["vhost"] = queue.Length > 0 ? EntityName.VhostOf(queue) : "",
            ["bytes"] = file.Bytes,
            ["records"] = file.Records,
            ["damaged"] = file.Damages.Count,
            ["damages"] = new JsonArray([.. file.Damages.Select(d => new JsonObject
            {
                ["offset"] = d.Offset, ["length"] = d.Length, ["position"] = d.FirstPosition, ["messages"] = d.MessageCount, ["reason"] = d.Reason,
            })]),
        };
    }

    private static JsonObject Row(NodeServices node, QuarantineEntry entry) => new()
    {
        ["id"] = entry.Id,
        ["found"] = entry.Found.ToString("O", CultureInfo.InvariantCulture),
        ["queue"] = entry.Damage.Entity is not { } id ? "" : node.Queues.TryGet(id, out var queue) ? EntityName.LocalOf(queue.Name) : $"number {id}",
        ["vhost"] = entry.Damage.Entity is { } number && node.Queues.TryGet(number, out var found) ? EntityName.VhostOf(found.Name) : "",
        ["position"] = entry.Damage.FirstPosition,
        ["messages"] = entry.Damage.MessageCount,
        ["bytes"] = entry.KeptBytes,
        ["file"] = entry.Damage.File,
        ["offset"] = entry.Damage.Offset,
        ["reason"] = entry.Damage.Reason,
    };

    private static async IAsyncEnumerable<JsonObject> ExportAsync(NodeStorage storage, int id)
    {
        var (entry, bytes) = await storage.RunAsync(() =>
            (storage.Options.Store.Quarantine.List().FirstOrDefault(e => e.Id == id), storage.Options.Store.Quarantine.Read(id)));
        if (entry is null || bytes is null)
        {
            throw new AdminException(ErrorCode.NotFound, $"there is no damaged piece {id}; 'pbm store quarantine list' lists them");
        }

        if (storage.Options.Store.Quarantine.TryParse(entry, bytes) is { IsControlIntact: true } record)
        {
            foreach (var message in record.Messages())
            {
                foreach (var row in Parts(message.Position, message.State == StoredMessageState.Intact ? "intact" : "damaged", message.Bytes))
                {
                    yield return row;
                }
            }
        }
        else
        {
            foreach (var row in Parts(0, "raw", bytes))
            {
                yield return row;
            }
        }
    }

    private static IEnumerable<JsonObject> Parts(ulong position, string state, ReadOnlyMemory<byte> bytes)
    {
        for (var offset = 0; offset < Math.Max(1, bytes.Length); offset += ExportBytes)
        {
            yield return new JsonObject
            {
                ["position"] = position,
                ["state"] = state,
                ["offset"] = offset,
                ["data"] = Convert.ToBase64String(bytes.Span.Slice(offset, Math.Min(ExportBytes, bytes.Length - offset))),
            };
        }
    }
}
