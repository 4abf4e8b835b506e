using Broker.Storage.Disks;
using Broker.Storage.Records;

namespace Broker.Storage.Log;

/// <summary>How a group of records gets onto the disk. All of it runs on the log's thread.</summary>
public sealed partial class WriteAheadLog
{
    private void EndFor(string reason)
    {
        var failure = new LogFailure(reason);
        lock (_lock)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = failure;
            foreach (var record in _pending)
            {
                AddClient(record);
            }

            _pending.Clear();
        }

        foreach (var record in _group.Concat(_queue))
        {
            AddClient(record);
        }

        _group.Clear();
        _queue.Clear();
        _buffer.Clear();
        SetState(LogState.Failed, reason);
        foreach (var client in _clients)
        {
            client.LastOfGroup = null;
            client.OnFailed(failure);
        }

        _clients.Clear();
    }

    private void TakePending()
    {
        lock (_lock)
        {
            (_pending, _taken) = (_taken, _pending);
        }

        foreach (var record in _taken)
        {
            _queue.Enqueue(record);
        }

        _taken.Clear();
    }

    /// <summary>Moves records from the queue to the group.</summary>
    /// <returns><c>false</c> if the next one has no room on the disk.</returns>
    private bool Encode()
    {
        var bytes = 0L;
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        while (bytes < _options.MaxGroupBytes && _queue.TryPeek(out var record))
        {
            var length = LengthOf(record);
            if (!HasRoom(length) && !TryBeginFile(length))
            {
                return false;
            }

            _queue.Dequeue();
            var header = _buffer.Add(record, HeaderOf(record, now));
            record.SetWritten(_end, header.Length);
            Track(record);
            _end += header.PaddedLength;
            bytes += header.PaddedLength;
            _group.Add(record);
        }

        return true;
    }

    private RecordHeader HeaderOf(LogRecord record, long now) => new()
    {
        Kind = record.Kind,
        Version = RecordHeader.CurrentVersion,
        Shard = record.Shard,
        Position = _end,
        SyncedDistance = (uint)Math.Min(_end - _synced, RecordHeader.UnknownDistance),
        Run = _run,
        Entity = record.Entity,
        Index = record.Index,
        ShardIndex = record.ShardIndex,
        Epoch = record.Epoch,
        CommittedDistance = record.CommittedDistance,
        TimeMs = now,
        FirstPosition = record.FirstPosition,
    };

    private void Track(LogRecord record)
    {
        if (record.Entity == 0)
        {
            return;
        }

        _isUnmarked = true;
        if (record.IsReplicated || ShardEntity.Is(record.Entity))
        {
            // Marks follow the shard: what is cut off takes the numbers of its queues back, and a queue that is deleted may come back with that.
            var shard = ShardEntity.Of(record.Shard);
            _touched[shard] = new EntityTail(shard, record.IsReplicated ? record.ShardIndex : record.Index, NextPosition: 0);
            if (record.Kind != RecordKind.Deleted)
            {
                _retention.Need(record.Entity, record.Position);
            }

            return;
        }

        if (record.Kind == RecordKind.Deleted)
        {
            _touched.Remove(record.Entity); // its records may be gone before the next mark is
            return;
        }

        _retention.Need(record.Entity, record.Position);
        if (record.ShardIndex > 0)
        {
            return; // a checkpoint of this node alone has no number of its own
        }

        var next = record.FirstPosition + (ulong)record.MessageCount;
        _touched[record.Entity] = new EntityTail(record.Entity, record.Index, Math.Max(next, _touched.GetValueOrDefault(record.Entity).NextPosition));
    }

    private static long LengthOf(LogRecord record)
    {
        long length = RecordHeader.Size + ((long)record.MessageCount * MessageTableEntry.Size) + record.Operations.Length;
        for (var i = 0; i < record.MessageCount; i++)
        {
            length += record.GetMessage(i, out _).Length;
        }

        return (length + RecordHeader.Alignment - 1) & ~(RecordHeader.Alignment - 1L);
    }

    /// <summary>Whether a record fits, and the record that ends the file after it.</summary>
    private bool HasRoom(long length) => _file is not null && _end + length + RecordHeader.Size <= _file.BasePosition + _file.Capacity;

    private bool TryBeginFile(long length)
    {
        if (_file is not null)
        {
            var end = new EndOfFile { Client = _markClient, Kind = RecordKind.End, Entity = 0, Index = 0 };
            _buffer.Add(end, HeaderOf(end, now: 0));
            _end += RecordHeader.Size;
            WriteOut();
            Sync(); // what follows in the next file must not be on the disk before this
            _file = null;
        }

        try
        {
            _file = _files.Begin(_end, length + RecordHeader.Size);
        }
        catch (DiskException e) when (e.Error == DiskError.Full)
        {
            _fullReason = $"the log has no room for its next file: {e.Message}";
            return false;
        }

        _written = _end = _file.End; // the header counts as synced: no record before it depends on it
        Volatile.Write(ref _synced, _end);
        Changed();
        return true;
    }

    private void WriteOut()
    {
        if (_buffer.Length > 0)
        {
            _buffer.WriteTo(_file!.File, _written - _file.BasePosition);
            _written = _end;
            _file.End = _end;
        }
    }

    private void Sync()
    {
        if (_written > _synced)
        {
            _file!.File.Sync();
            Interlocked.Increment(ref _syncCount);
            Volatile.Write(ref _synced, _written);
        }
    }

    private void Tell()
    {
        Interlocked.Add(ref _recordCount, _group.Count);
        foreach (var record in _group)
        {
            if (record.Kind == RecordKind.Checkpoint)
            {
                _retention.Advance(record.Entity, Math.Min(record.NeededFrom, record.Position));
            }
            else if (record.Kind == RecordKind.Deleted && !record.IsReplicated)
            {
                _retention.Advance(record.Entity, record.Position);
            }

            AddClient(record);
        }

        _group.Clear();
        foreach (var client in _clients)
        {
            var last = client.LastOfGroup!;
            client.LastOfGroup = null;
            client.OnCommitted(last);
        }

        _clients.Clear();
    }

    private void AddClient(LogRecord record)
    {
        if (record.Client.LastOfGroup is null)
        {
            _clients.Add(record.Client);
        }

        record.Client.LastOfGroup = record;
    }

    private void SetState(LogState state, string reason)
    {
        _reason = reason;
        if (_state != state)
        {
            _state = state;
            Changed();
        }
    }

    private sealed class EndOfFile : LogRecord;

    private sealed class MarkClient : LogClient
    {
        public override void OnCommitted(LogRecord last)
        {
        }

        public override void OnFailed(LogFailure failure)
        {
        }
    }
}
