using Broker.Actors.Cluster;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Storage;
using Broker.Machines.Replication;
using Broker.Storage.Log;

namespace Broker.Actors.Replication;

/// <summary>What goes to other replicas, and what comes from them.</summary>
internal sealed partial class ReplicaActor
{
    /// <summary>Records are sent together up to so many bytes.</summary>
    private const int ChunkBytes = 128 << 10;

    /// <summary>Bytes that came and are not on the disk yet, beyond which no more is taken from the links.</summary>
    private const int MaxUnwrittenBytes = 8 << 20;

    // The first byte of what goes over a link: whether it is a whole message, or which part of one.
    private const byte Whole = 0;
    private const byte FirstPart = 1;
    private const byte NextPart = 2;
    private const byte LastPart = 3;

    private readonly Dictionary<string, ReplicaPeer> _peers = new(StringComparer.Ordinal);
    private readonly Dictionary<ActorRef, string> _nodeOfLink = [];
    private readonly Queue<(ActorRef Stream, int Bytes)> _untaken = new(); // messages whose senders wait to hear that there is room for more
    private List<WireRecord> _arrived = []; // with the message that is being handled
    private string _sender = ""; // of the message that is being handled
    private long _untakenBytes;
    private long _reads;

    private void HandleLinkMessage(object message)
    {
        switch (message)
        {
            case LinkAdded m:
                _nodeOfLink[m.Link] = m.Node;
                var added = PeerOf(m.Node);
                added.Link = m.Link;
                m.Link.Tell(new LinkMessage.Subscribe(Self), Self);
                break;
            case LinkRemoved m:
                _nodeOfLink.Remove(m.Link);
                if (_peers.TryGetValue(m.Node, out var removed) && removed.Link == m.Link)
                {
                    removed.Link = null;
                    removed.IsRequested = false; // who would tell of the end is gone
                    SetUp(removed, isUp: false);
                }

                break;
            case LinkUp when _nodeOfLink.TryGetValue(Sender, out var node):
                SetUp(PeerOf(node), isUp: true);
                break;
            case LinkDown when _nodeOfLink.TryGetValue(Sender, out var node):
                SetUp(PeerOf(node), isUp: false);
                break;
            case LinkUp or LinkDown:
                break; // of a link that was removed
            case ShardOpened m:
                if (_peers.TryGetValue(m.To.Node, out var opened) && opened is { IsUp: true, IsRequested: true })
                {
                    opened.Sender = m.Sender;
                }

                break; // else its end is on the way
            case ShardRoom m:
                m.Sender.HandleRoom(m);
                break;
            case ShardClosed:
                if (_nodeOfLink.TryGetValue(Sender, out var end))
                {
                    var closed = PeerOf(end);
                    closed.IsRequested = false;
                    closed.MustBegin = closed.IsUp;
                    closed.Drop();
                }

                break;
            case ReplicaMessages.RecordsRead m:
                HandleRecordsRead(m);
                break;
            case ReplicaMessages.SnapshotRead m:
                HandleSnapshotPart(m);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private ReplicaPeer PeerOf(string node)
    {
        if (!_peers.TryGetValue(node, out var peer))
        {
            peer = new ReplicaPeer(node);
            _peers.Add(node, peer);
            _machine?.HandleLink(node, isUp: false, Now);
        }

        return peer;
    }

    private void SetUp(ReplicaPeer peer, bool isUp)
    {
        AppendPending();
        peer.IsUp = isUp;
        peer.MustBegin = false;
        peer.Drop();
        _machine?.HandleLink(peer.Node, isUp, Now);
    }

    /// <summary>Streams that have ended while their link is up are begun anew.</summary>
    private void BeginStreams()
    {
        foreach (var peer in _peers.Values)
        {
            if (peer is { MustBegin: true, IsUp: true })
            {
                SetUp(peer, isUp: false);
                SetUp(peer, isUp: true);
            }
        }
    }

    private void Send(string node, ReplicaMessage message)
    {
        var peer = PeerOf(node);
        if (!peer.IsUp || peer.MustBegin)
        {
            return; // as it is, nothing that was on its way has arrived either; a stream that were opened now would be forgotten when all begins anew
        }

        switch (message)
        {
            case ReplicaMessage.Records m:
                peer.Queue.Enqueue(new ReplicaPeer.Outgoing.Records(m, m.First + m.Runs.Aggregate(0UL, (sum, run) => sum + run.Count) - 1));
                break;
            case ReplicaMessage.Snapshot m:
                peer.Queue.Enqueue(new ReplicaPeer.Outgoing.State(new SnapshotReader(_storage, _shard, m)));
                break;
            default:
                var writer = new ReplicaWriter();
                writer.Raw(Whole);
                ReplicaMessageCodec.Write(writer, message);
                peer.Queue.Enqueue(new ReplicaPeer.Outgoing.Bytes(writer.Written));
                break;
        }

        if (peer is { IsRequested: false, Link: { } link })
        {
            peer.IsRequested = true;
            link.Tell(new LinkMessage.OpenShard(_shard, Self), Self);
        }
    }

    /// <summary>Sends as much as there is room for.</summary>
    private void Pump(ReplicaPeer peer)
    {
        while (peer is { Sender: { HasRoom: true } sender, Reading: 0 } && peer.Queue.TryPeek(out var next))
        {
            var isDone = next switch
            {
                ReplicaPeer.Outgoing.Bytes m => SendPart(sender, m),
                ReplicaPeer.Outgoing.Records m => SendRecords(peer, m),
                ReplicaPeer.Outgoing.State m => ReadSnapshot(peer, m.Snapshot),
                _ => throw new System.Diagnostics.UnreachableException($"{next}"),
            };
            if (isDone)
            {
                peer.Queue.Dequeue();
            }
        }
    }

    /// <summary>Sends a message, or the next part of one that is longer than the other node takes at once. Its first byte says which.</summary>
    /// <returns>Whether it was the last part.</returns>
    private static bool SendPart(ShardSender sender, ReplicaPeer.Outgoing.Bytes message)
    {
        if (!message.IsContinued && message.Rest.Length <= sender.MaxMessageBytes)
        {
            sender.TrySend(message.Rest);
            return true;
        }

        var rest = message.IsContinued ? message.Rest : message.Rest[1..];
        var isLast = rest.Length < sender.MaxMessageBytes;
        var part = new byte[Math.Min(rest.Length + 1, sender.MaxMessageBytes)];
        part[0] = isLast ? LastPart : message.IsContinued ? NextPart : FirstPart;
        rest[..(part.Length - 1)].CopyTo(part.AsMemory(1));
        sender.TrySend(part);
        message.Rest = rest[(part.Length - 1)..];
        message.IsContinued = true;
        return isLast;
    }

    /// <returns>Whether all were sent, or are gone.</returns>
    private bool SendRecords(ReplicaPeer peer, ReplicaPeer.Outgoing.Records records)
    {
        if (!_records.Has(records.Next) || !_records.Has(records.Last))
        {
            _machine!.HandleNotSent(peer.Node, records.Message.Session); // cut off or given up meanwhile
            return true;
        }

        if (_records[records.Next].InMemory is null)
        {
            ReadRecords(peer, records);
            return false;
        }

        var bytes = 0L;
        var end = records.Next;
        for (; end <= records.Last && bytes < ChunkBytes && _records[end].InMemory is { } record; end++)
        {
            bytes += SizeOf(record);
        }

        var writer = BeginRecords(records, end - records.Next, (int)Math.Min(bytes + 256, int.MaxValue));
        for (var index = records.Next; index < end; index++)
        {
            Write(writer, _records[index].InMemory!);
        }

        return SendRecords(peer, records, writer, end);
    }

    private static bool SendRecords(ReplicaPeer peer, ReplicaPeer.Outgoing.Records records, ReplicaWriter writer, ulong end)
    {
        records.Next = end;
        var message = new ReplicaPeer.Outgoing.Bytes(writer.Written);
        if (writer.Length <= peer.Sender!.MaxMessageBytes)
        {
            SendPart(peer.Sender, message);
            return end > records.Last;
        }

        peer.SendBefore(message, dropFirst: end > records.Last); // its parts come before the other records
        return false;
    }

    private ReplicaWriter BeginRecords(ReplicaPeer.Outgoing.Records records, ulong count, int capacity)
    {
        var writer = new ReplicaWriter(capacity);
        writer.Raw(Whole);
        var runs = new List<EpochRun>();
        for (var index = records.Next; index < records.Next + count; index++)
        {
            var epoch = _records[index].Epoch;
            if (runs.Count > 0 && runs[^1].Epoch == epoch)
            {
                runs[^1] = runs[^1] with { Count = runs[^1].Count + 1 };
            }
            else
            {
                runs.Add(new EpochRun(epoch, 1));
            }
        }

        ReplicaMessageCodec.Write(writer, records.Message with { First = records.Next, Runs = runs, Committed = Math.Max(records.Message.Committed, _committed) });
        return writer;
    }

    private static void Write(ReplicaWriter writer, LogRecord record)
    {
        ReplicatedRecordCodec.WriteHead(writer, (byte)record.Kind, record.Epoch, record.Entity, record.Index, record.FirstPosition, record.Operations.Span, record.MessageCount);
        for (var i = 0; i < record.MessageCount; i++)
        {
            var bytes = record.GetMessage(i, out var meta);
            ReplicatedRecordCodec.WriteMessage(writer, bytes.Span, meta);
        }
    }

    private static long SizeOf(LogRecord record)
    {
        var size = record.Operations.Length + 64L;
        for (var i = 0; i < record.MessageCount; i++)
        {
            size += record.GetMessage(i, out _).Length + 10;
        }

        return size;
    }

    /// <summary>Reads the next records from the disk for a follower that lags.</summary>
    private void ReadRecords(ReplicaPeer peer, ReplicaPeer.Outgoing.Records records)
    {
        var places = new List<(long Position, int Length)>();
        long bytes = 0;
        for (var index = records.Next; index <= records.Last && bytes < ChunkBytes; index++)
        {
            var record = _records[index];
            if (record.InMemory is not null)
            {
                break;
            }

            places.Add((record.Position, record.Length));
            bytes += record.Length;
        }

        var reading = peer.Reading = ++_reads;
        var log = _storage.Log;
        Context.PipeTo(
            _storage.RunAsync<IReadOnlyList<ReadOnlyMemory<byte>>>(() => [.. places.Select(p => Encode(log, p.Position, p.Length))]),
            read => new ReplicaMessages.RecordsRead(peer, reading, read),
            failure => new ReplicaMessages.JobFailed(failure, peer));
    }

    private static ReadOnlyMemory<byte> Encode(WriteAheadLog log, long position, int length)
    {
        if (log.Read(position, length) is not { IsControlIntact: true } record)
        {
            return default; // retired meanwhile, or damaged
        }

        var writer = new ReplicaWriter(length + 64);
        var header = record.Header;
        ReplicatedRecordCodec.WriteHead(writer, (byte)header.Kind, header.Epoch, header.Entity, header.Index, header.FirstPosition, record.Operations.Span, header.MessageCount);
        foreach (var message in record.Messages())
        {
            if (message.State != Broker.Storage.Records.StoredMessageState.Intact)
            {
                return default;
            }

            ReplicatedRecordCodec.WriteMessage(writer, message.Bytes.Span, message.Meta);
        }

        return writer.Written;
    }

    private void HandleRecordsRead(ReplicaMessages.RecordsRead message)
    {
        var peer = message.Peer;
        if (peer.Reading != message.Reading || !peer.Queue.TryPeek(out var next) || next is not ReplicaPeer.Outgoing.Records records)
        {
            return; // the stream has ended since
        }

        peer.Reading = 0;
        var end = records.Next + (ulong)message.Records.Count;
        if (!_records.Has(records.Next) || !_records.Has(end - 1) || message.Records.Any(r => r.IsEmpty))
        {
            peer.Queue.Dequeue();
            _machine!.HandleNotSent(peer.Node, records.Message.Session);
            return;
        }

        var writer = BeginRecords(records, (ulong)message.Records.Count, message.Records.Sum(r => r.Length) + 256);
        foreach (var record in message.Records)
        {
            writer.Raw(record.Span);
        }

        if (SendRecords(peer, records, writer, end))
        {
            peer.Queue.Dequeue();
        }
    }

    private void HandleReadFailed(ReplicaPeer peer, Exception failure)
    {
        peer.Sender?.Close();
        peer.Drop();
        _storage.Notice(StoreNoticeSeverity.Warning, $"shard {_shard}: node '{peer.Node}' cannot be sent what it lacks: {failure.Message}");
    }

    private void HandleShardMessage(ShardMessage message)
    {
        AppendPending();
        _untaken.Enqueue((Sender, message.Payload.Length));
        _untakenBytes += message.Payload.Length;
        var peer = PeerOf(message.From.Node);
        try
        {
            if (Assemble(peer, message.Payload) is { } whole)
            {
                HandleReplicaMessage(message.From.Node, whole);
            }
        }
        catch (ReplicaFormatException e)
        {
            _storage.Notice(StoreNoticeSeverity.Error, $"shard {_shard}: {e.Message}; it came from node '{message.From.Node}'");
        }

        TakeMore();
    }

    /// <summary>Joins the parts of a message. What was there of one whose stream has ended is dropped.</summary>
    private static ReadOnlyMemory<byte>? Assemble(ReplicaPeer peer, ReadOnlyMemory<byte> payload)
    {
        var place = payload.IsEmpty ? byte.MaxValue : payload.Span[0];
        if (place is Whole or FirstPart)
        {
            peer.Parts.Clear();
        }
        else if (place is not (NextPart or LastPart) || peer.Parts.Count == 0)
        {
            throw new ReplicaFormatException("a replica has sent a part of a message that does not follow from the one before");
        }

        if (place == Whole)
        {
            return payload[1..];
        }

        peer.Parts.Add(payload[1..]);
        if (place != LastPart)
        {
            return null;
        }

        var whole = new byte[peer.Parts.Sum(p => p.Length)];
        var at = 0;
        foreach (var part in peer.Parts)
        {
            part.CopyTo(whole.AsMemory(at));
            at += part.Length;
        }

        peer.Parts.Clear();
        return whole;
    }

    private void HandleReplicaMessage(string from, ReadOnlyMemory<byte> bytes)
    {
        var reader = new ReplicaReader(bytes);
        if (SnapshotReader.IsPart(bytes))
        {
            HandleSnapshotPart(from, bytes);
            return;
        }

        var message = ReplicaMessageCodec.Read(reader);
        if (message is ReplicaMessage.Records records)
        {
            var count = records.Runs.Aggregate(0UL, (sum, run) => sum + run.Count);
            var arrived = new List<WireRecord>();
            while (!reader.AtEnd)
            {
                arrived.Add(ReplicatedRecordCodec.Read(reader));
            }

            if ((ulong)arrived.Count != count)
            {
                throw new ReplicaFormatException($"a replica has announced {count} records and sent {arrived.Count}");
            }

            _arrived = arrived;
        }
        else
        {
            reader.End();
        }

        if (_machine is null)
        {
            return; // nothing is known of the shard yet: whoever asks asks again
        }

        _sender = from;
        _machine.HandleMessage(from, message, Now);
        Carry();
        _arrived = [];
    }

    /// <summary>Lets those send more whose messages are dealt with, unless too much of it is on its way to the disk.</summary>
    private void TakeMore()
    {
        if (_install is { IsBusy: true } || (_writing.Count > 0 && _untakenBytes > MaxUnwrittenBytes))
        {
            return;
        }

        while (_untaken.TryDequeue(out var untaken))
        {
            untaken.Stream.Tell(new ShardTaken(1), Self);
        }

        _untakenBytes = 0;
    }
}
