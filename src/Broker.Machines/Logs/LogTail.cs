using Broker.Machines.Messages;

namespace Broker.Machines.Logs;

/// <summary>The newest messages of a log, without gaps; they join at the end and leave at the beginning.</summary>
internal sealed class LogTail
{
    private const int MinimumCapacity = 16;
    private StoredMessage[] _ring = [];
    private int _head;

    public int Count { get; private set; }

    /// <summary>Sum of the messages' sizes.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>Position of the first one. Only if there is one.</summary>
    public ulong First { get; private set; }

    /// <summary>The message at a position that is here.</summary>
    public ref readonly StoredMessage this[ulong position] => ref _ring[(_head + (int)(position - First)) & (_ring.Length - 1)];

    public void Append(ulong position, in StoredMessage message)
    {
        if (Count == 0)
        {
            First = position;
        }
        else if (Count == _ring.Length)
        {
            Resize(_ring.Length * 2);
        }

        if (_ring.Length == 0)
        {
            _ring = new StoredMessage[MinimumCapacity];
        }

        _ring[(_head + Count++) & (_ring.Length - 1)] = message;
        SizeBytes += message.SizeBytes;
    }

    /// <summary>Lets go of the first one. Only if there is one.</summary>
    public void DropFirst()
    {
        ref var slot = ref _ring[_head];
        SizeBytes -= slot.SizeBytes;
        slot = default; // lets the collector have the block
        _head = (_head + 1) & (_ring.Length - 1);
        First++;
        if (--Count < _ring.Length / 8 && _ring.Length > MinimumCapacity)
        {
            Resize(_ring.Length / 2);
        }
    }

    public void Clear()
    {
        _ring = [];
        _head = Count = 0;
        SizeBytes = 0;
    }

    private void Resize(int capacity)
    {
        var ring = new StoredMessage[capacity];
        for (var i = 0; i < Count; i++)
        {
            ring[i] = _ring[(_head + i) & (_ring.Length - 1)];
        }

        _ring = ring;
        _head = 0;
    }
}
