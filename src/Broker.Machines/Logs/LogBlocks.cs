using Broker.Machines.Messages;

namespace Broker.Machines.Logs;

/// <summary>Pieces of a log that were read from disk for readers that are behind, those used last; so that readers near one another share them.</summary>
internal sealed class LogBlocks
{
    private readonly LinkedList<Block> _byUse = new(); // the one used last is first

    private sealed class Block(ulong first, ulong last, IReadOnlyList<(ulong Position, StoredMessage Message)> messages)
    {
        public ulong First => first;

        public ulong Last => last;

        public IReadOnlyList<(ulong Position, StoredMessage Message)> Messages => messages;

        public long SizeBytes { get; } = messages.Sum(m => (long)m.Message.SizeBytes);
    }

    /// <summary>Bytes of all of them.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>Takes one in.</summary>
    public void Add(ulong first, ulong last, IReadOnlyList<(ulong Position, StoredMessage Message)> messages)
    {
        var block = new Block(first, last, messages);
        _byUse.AddFirst(block);
        SizeBytes += block.SizeBytes;
    }

    /// <summary>Finds a message, or the first that there is after the position.</summary>
    /// <param name="position">Where to look.</param>
    /// <param name="found">Its position; <paramref name="position"/> itself unless that was lost. If the block has none from there on, the position behind the block.</param>
    /// <param name="message">The message; <c>null</c> if the block has none from there on.</param>
    /// <returns><c>false</c> if no block covers the position.</returns>
    public bool TryFind(ulong position, out ulong found, out StoredMessage? message)
    {
        for (var node = _byUse.First; node is not null; node = node.Next)
        {
            var block = node.Value;
            if (position < block.First || position > block.Last)
            {
                continue;
            }

            if (node != _byUse.First)
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
            }

            var at = IndexOf(block, position);
            (found, message) = at < block.Messages.Count ? (block.Messages[at].Position, block.Messages[at].Message) : (block.Last + 1, (StoredMessage?)null);
            return true;
        }

        found = 0;
        message = null;
        return false;
    }

    /// <summary>Gives up those used longest ago, until no more than so many bytes are left. The one used last stays.</summary>
    public void Trim(long bytes)
    {
        while (SizeBytes > bytes && _byUse.Last is { } oldest && oldest != _byUse.First)
        {
            SizeBytes -= oldest.Value.SizeBytes;
            _byUse.RemoveLast();
        }
    }

    /// <summary>Gives all up.</summary>
    public void Clear()
    {
        _byUse.Clear();
        SizeBytes = 0;
    }

    private static int IndexOf(Block block, ulong position)
    {
        int low = 0, high = block.Messages.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (block.Messages[middle].Position < position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
