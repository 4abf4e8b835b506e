using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;

namespace Broker.Protocol;

/// <summary>The type of a <see cref="FieldValue"/>.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "These are names of types.")]
public enum FieldKind : byte
{
    /// <summary>Present without a value.</summary>
    Null,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A 64-bit signed integer.</summary>
    Integer,

    /// <summary>A 64-bit IEEE 754 number.</summary>
    Double,

    /// <summary>UTF-8 text.</summary>
    Text,

    /// <summary>Bytes.</summary>
    Bytes,

    /// <summary>A list of values.</summary>
    List,
}

/// <summary>A value in a table (docs/protocol.md, section 5.3). Immutable as long as nobody changes the array that it was made from.</summary>
public readonly struct FieldValue : IEquatable<FieldValue>
{
    private readonly long _bits;
    private readonly object? _reference;

    private FieldValue(FieldKind kind, long bits, object? reference = null)
    {
        Kind = kind;
        _bits = bits;
        _reference = reference;
    }

    /// <summary>Present without a value.</summary>
    public static FieldValue Null => default;

    /// <summary>The type.</summary>
    public FieldKind Kind { get; }

    /// <summary>A list; at most 1,024 items, nested at most 4 deep.</summary>
    public static FieldValue List(params FieldValue[] items) => new(FieldKind.List, 0, items ?? throw new ArgumentNullException(nameof(items)));

    /// <summary>A truth value.</summary>
    public static FieldValue From(bool value) => new(FieldKind.Boolean, value ? 1 : 0);

    /// <summary>An integer.</summary>
    public static FieldValue From(long value) => new(FieldKind.Integer, value);

    /// <summary>A floating-point number.</summary>
    public static FieldValue From(double value) => new(FieldKind.Double, BitConverter.DoubleToInt64Bits(value));

    /// <summary>Text; at most 64 KiB of UTF-8.</summary>
    public static FieldValue From(string value) => new(FieldKind.Text, 0, value ?? throw new ArgumentNullException(nameof(value)));

    /// <summary>Bytes; at most 64 KiB.</summary>
    public static FieldValue From(byte[] value) => new(FieldKind.Bytes, 0, value ?? throw new ArgumentNullException(nameof(value)));

    /// <summary>A truth value.</summary>
    public static implicit operator FieldValue(bool value) => From(value);

    /// <summary>An integer.</summary>
    public static implicit operator FieldValue(long value) => From(value);

    /// <summary>A floating-point number.</summary>
    public static implicit operator FieldValue(double value) => From(value);

    /// <summary>Text.</summary>
    public static implicit operator FieldValue(string value) => From(value);

    /// <summary>Bytes.</summary>
    public static implicit operator FieldValue(byte[] value) => From(value);

    /// <summary>Compares by content.</summary>
    public static bool operator ==(FieldValue left, FieldValue right) => left.Equals(right);

    /// <summary>Compares by content.</summary>
    public static bool operator !=(FieldValue left, FieldValue right) => !left.Equals(right);

    /// <summary>The truth value, or <c>null</c> if it is of another type.</summary>
    public bool? AsBoolean() => Kind == FieldKind.Boolean ? _bits != 0 : null;

    /// <summary>The integer, or <c>null</c> if it is of another type.</summary>
    public long? AsInteger() => Kind == FieldKind.Integer ? _bits : null;

    /// <summary>The floating-point number, or <c>null</c> if it is of another type.</summary>
    public double? AsDouble() => Kind == FieldKind.Double ? BitConverter.Int64BitsToDouble(_bits) : null;

    /// <summary>The text, or <c>null</c> if it is of another type.</summary>
    public string? AsText() => _reference as string;

    /// <summary>The bytes, or <c>null</c> if it is of another type.</summary>
    public byte[]? AsBytes() => _reference as byte[];

    /// <summary>The list, or <c>null</c> if it is of another type.</summary>
    public IReadOnlyList<FieldValue>? AsList() => _reference as FieldValue[];

    /// <inheritdoc/>
    public bool Equals(FieldValue other) => Kind == other.Kind && Kind switch
    {
        FieldKind.Text => string.Equals((string)_reference!, (string)other._reference!, StringComparison.Ordinal),
        FieldKind.Bytes => ((byte[])_reference!).AsSpan().SequenceEqual((byte[])other._reference!),
        FieldKind.List => ((FieldValue[])_reference!).AsSpan().SequenceEqual((FieldValue[])other._reference!),
        _ => _bits == other._bits,
    };

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is FieldValue other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Kind switch
    {
        FieldKind.Text => HashCode.Combine(Kind, (string)_reference!),
        FieldKind.Bytes => HashCode.Combine(Kind, ((byte[])_reference!).Length),
        FieldKind.List => HashCode.Combine(Kind, ((FieldValue[])_reference!).Length),
        _ => HashCode.Combine(Kind, _bits),
    };

    /// <summary>The value as it would stand in JSON; bytes as base64.</summary>
    public override string ToString() => Kind switch
    {
        FieldKind.Null => "null",
        FieldKind.Boolean => _bits != 0 ? "true" : "false",
        FieldKind.Integer => _bits.ToString(CultureInfo.InvariantCulture),
        FieldKind.Double => BitConverter.Int64BitsToDouble(_bits).ToString("R", CultureInfo.InvariantCulture),
        FieldKind.Text => $"\"{JsonEncodedText.Encode((string)_reference!)}\"",
        FieldKind.Bytes => $"\"{Convert.ToBase64String((byte[])_reference!)}\"",
        _ => $"[{string.Join(", ", (FieldValue[])_reference!)}]",
    };
}
