# A customer's claim on seats of one event, from the first click to the visit.
class Booking < ApplicationRecord
  belongs_to :customer
  belongs_to :event
  has_many :seats
  enum :state, { held: 0, paid: 1, cancelled: 2, visited: 3 }

  HOLD_FOR = 12.minutes
  MAX_SEATS = 8

  class NoSeatsLeft < StandardError; end

  # Holds seats and gives the booking; the customer pays within HOLD_FOR.
  def self.create(customer:, event:, places:)
    raise ArgumentError, "too many seats" if places.size > MAX_SEATS
    transaction do
      booking = new(customer: customer, event: event, state: :held)
      booking.held_until = HOLD_FOR.from_now
      booking.seats = event.seats.lock("for update").where(place: places)
      raise NoSeatsLeft if booking.seats.size < places.size
      booking.starts_at = event.starts_at.in_time_zone(event.venue.zone)
      booking.save!
      ReminderJob.plan(booking)
      booking
    end
  end

  # Whether the hold ran out before the customer paid.
  def expired?
    held? && held_until < Time.current
  end

  def total
    seats.sum { |seat| Price.for(seat, on: starts_at).cents }
  end

  def pay!(payment)
    raise Payment::Mismatch, id unless payment.cents == total
    update!(state: :paid, payment: payment, held_until: nil)
    ConfirmationMailer.paid(self).deliver_later
    Sms::Sender.confirm(self) if customer.phone
  end

  # Gives the seats back. Nobody pays for a cancelled event.
  def cancel!(by:)
    transaction do
      update!(state: :cancelled, cancelled_by: by)
      seats.update_all(booking_id: nil)
      Refund.start(self) if payment && refundable?
    end
  end

  def refundable?
    return true if event.cancelled?
    starts_at > event.venue.refund_window.from_now
  end

  def overlaps?(other)
    starts_at < other.ends_at && other.starts_at < ends_at
  end

  def ends_at
    starts_at + event.duration
  end

  # What the door scans.
  def code
    Digest::SHA256.hexdigest([id, customer_id, created_at.to_i].join("-")).first(12).upcase
  end

  def self.release_expired
    held.where(held_until: ...Time.current).find_each do |booking|
      booking.cancel!(by: "hold ran out")
    end
  end
end
