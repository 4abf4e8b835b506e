using System.Text;
using System.Text.Json.Nodes;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Storage.Tests.Golden;

/// <summary>Decodes a piece of a store with the code of this version, for the golden files to be compared with.</summary>
internal static class GoldenFields
{
    private const long LargestInDouble = (1L << 53) - 1;

    public static JsonNode Of(string structure, byte[] bytes) => structure switch
    {
        "FILE_HEADER" => FileHeaderOf(bytes),
        "RECORD" => RecordOf(bytes),
        "MARK" => new JsonArray([.. LogMark.Tails(bytes).Select(TailOf)]),
        "JSON" => JsonNode.Parse(Encoding.UTF8.GetString(bytes))!,
        _ => throw new ArgumentException($"no structure '{structure}'", nameof(structure)),
    };

    private static JsonObject FileHeaderOf(byte[] bytes)
    {
        Assert.True(FileHeader.TryRead(bytes, out var header));
        return new JsonObject
        {
            ["format"] = header.Format,
            ["kind"] = $"{header.Kind}",
            ["store"] = $"{header.Store}",
            ["base_position"] = Number(header.BasePosition),
            ["entity"] = Number(header.Entity),
            ["number"] = Number(header.Number),
        };
    }

    private static JsonObject RecordOf(byte[] bytes)
    {
        var record = StoredRecord.TryParse(bytes, StoreKey.Of(GoldenStore.Store), BitConverter.ToInt64(bytes, 16))!;
        Assert.True(record.IsControlIntact);
        Assert.Equal(record.Header.PaddedLength, bytes.Length);
        var header = record.Header;
        var fields = new JsonObject
        {
            ["kind"] = $"{header.Kind}",
            ["version"] = header.Version,
            ["shard"] = header.Shard,
            ["position"] = Number(header.Position),
            ["synced_distance"] = header.SyncedDistance,
            ["run"] = header.Run,
            ["entity"] = Number(header.Entity),
            ["index"] = Number(header.Index),
            ["shard_index"] = Number(header.ShardIndex),
            ["epoch"] = header.Epoch,
            ["time_ms"] = Number(header.TimeMs),
            ["first_position"] = Number(header.FirstPosition),
            ["control_checksum"] = $"{header.ControlChecksum:x8}",
            ["operations"] = Convert.ToHexStringLower(record.Operations.Span),
            ["messages"] = new JsonArray([.. record.Messages().Select(MessageOf)]),
        };
        if (header.CommittedDistance != 0)
        {
            fields.Insert(10, "committed_distance", header.CommittedDistance);
        }

        return fields;
    }

    private static JsonNode MessageOf(StoredRecordMessage message)
    {
        Assert.Equal(StoredMessageState.Intact, message.State);
        return new JsonObject
        {
            ["position"] = Number(message.Position),
            ["meta"] = message.Meta,
            ["checksum"] = $"{message.Checksum:x8}",
            ["bytes"] = Convert.ToHexStringLower(message.Bytes.Span),
        };
    }

    private static JsonNode TailOf(EntityTail tail) =>
        new JsonObject { ["entity"] = Number(tail.Entity), ["index"] = Number(tail.Index), ["next_position"] = Number(tail.NextPosition) };

    // As in the other vectors: what a double cannot hold is text.
    private static JsonNode Number(ulong value) => value > LargestInDouble ? $"{value}" : value;

    private static JsonNode Number(long value) => value is < 0 or > LargestInDouble ? $"{value}" : value;
}
