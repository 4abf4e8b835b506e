using System.Buffers;

namespace Broker.Client.Publishing;

/// <summary>Where the encoded PUBLISH of a message is kept until it has an outcome.</summary>
internal readonly record struct RetainedFrame(RetainedFrames.Block? Block, int Offset, int Length)
{
    public ReadOnlySpan<byte> Bytes => Block is null ? [] : Block.Bytes.AsSpan(Offset, Length);
}

/// <summary>Encoded frames in pooled blocks; a block goes back when none of its frames is wanted any more.</summary>
internal sealed class RetainedFrames
{
    /// <summary>Under the size from which .NET puts arrays on the large object heap.</summary>
    private const int BlockBytes = 64 << 10;
    private const int MaxSpare = 4;

    private readonly Stack<Block> _spare = new();
    private Block? _filling;

    /// <summary>Frames share its bytes.</summary>
    internal sealed class Block
    {
        public byte[] Bytes { get; set; } = [];

        public int Used { get; set; }

        /// <summary>Frames that are still wanted.</summary>
        public int Live { get; set; }
    }

    public RetainedFrame Add(ReadOnlySpan<byte> frame)
    {
        if (_filling is null || _filling.Bytes.Length - _filling.Used < frame.Length)
        {
            var full = _filling;
            _filling = _spare.TryPop(out var spare) ? spare : new Block();
            _filling.Bytes = ArrayPool<byte>.Shared.Rent(Math.Max(BlockBytes, frame.Length));
            if (full is { Live: 0 })
            {
                GiveBack(full);
            }
        }

        var kept = new RetainedFrame(_filling, _filling.Used, frame.Length);
        frame.CopyTo(_filling.Bytes.AsSpan(_filling.Used));
        _filling.Used += frame.Length;
        _filling.Live++;
        return kept;
    }

    public void Remove(in RetainedFrame frame)
    {
        if (frame.Block is not { } block || --block.Live > 0)
        {
            return;
        }

        if (block == _filling && block.Bytes.Length <= BlockBytes)
        {
            block.Used = 0;
            return;
        }

        _filling = block == _filling ? null : _filling;
        GiveBack(block);
    }

    private void GiveBack(Block block)
    {
        ArrayPool<byte>.Shared.Return(block.Bytes);
        block.Bytes = [];
        block.Used = 0;
        if (_spare.Count < MaxSpare)
        {
            _spare.Push(block);
        }
    }
}
